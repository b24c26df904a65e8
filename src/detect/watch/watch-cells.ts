import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { GivenSuites } from '../../experiment/plan/list-asked-questions.js';
import type { PlannedMonitor } from '../../experiment/plan/resolved-plan.js';
import type { CheckpointWatcher, KeptCheckpoint } from '../../experiment/run/checkpoint-watcher.js';
import { writeFailure } from '../../foundation/file-failure.js';
import type { BaseModel } from '../../models/base-model.js';
import { openRecordFile, type RecordFile } from '../../runs/record-file.js';
import { openArtefactStore } from '../artefact-store.js';
import { checkpointRecords, type CheckpointRecord } from './checkpoint-record.js';
import { openCheckpointScorer, type CheckpointScorer } from './open-checkpoint-scorer.js';
import { prepareScoring, type PreparedScoring } from './prepare-scoring.js';
import { summariseWatch } from './summarise-watch.js';
import { writeWatch, type WatchFile } from './watch-file.js';

/** The folder of what was found of a cell's checkpoints, within that of the cell. */
export const monitorFolder = 'monitor';

export interface WatchCellsSettings {
  readonly monitor: PlannedMonitor;
  /** Of the run: what was read of models lies there. */
  readonly folder: string;
  readonly suites?: GivenSuites;
  /** Called when a cell's curve has changed, with the folder that it lies in. */
  readonly onState: (to: string, watch: WatchFile) => Promise<void>;
}

export interface CellWatcher extends CheckpointWatcher {
  /** Reads what scores of a base are held against: what is wrong with it shows before anything is trained. */
  readonly check: (base: BaseModel) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Watches the cells of a plan: each has a curve of its own, and models that are opened once for all. */
export function openCellWatcher({ monitor, folder, suites, onState }: WatchCellsSettings): CellWatcher {
  const { rate, stop, calibration, choices } = monitor;
  const seed = 0;
  const store = openArtefactStore([folder]);
  const prepared = new Map<string, Promise<PreparedScoring>>();
  const scorers = new Map<string, CheckpointScorer>();
  const curves = new Map<string, Promise<RecordFile<CheckpointRecord>>>();

  const prepare = (base: BaseModel): Promise<PreparedScoring> => {
    const known =
      prepared.get(base.identity) ??
      prepareScoring({ base, rate, seed, calibration, choices, ...(suites === undefined ? {} : { suites }) });
    prepared.set(base.identity, known);
    return known;
  };

  async function openScorer(base: BaseModel): Promise<CheckpointScorer> {
    const scoring = await prepare(base);
    const known = scorers.get(base.identity) ?? openCheckpointScorer({ ...scoring, base, store, asked: null, seed });
    scorers.set(base.identity, known);
    return known;
  }

  const openCurve = (to: string): Promise<RecordFile<CheckpointRecord>> => {
    const known = curves.get(to) ?? createCurve(to);
    curves.set(to, known);
    return known;
  };

  return {
    stops: stop,
    look: async ({ cell, base, folder: place, step, model }: KeptCheckpoint, options) => {
      const scorer = await openScorer(base);
      const scoring = await prepare(base);
      const to = join(place, monitorFolder);
      const file = await openCurve(to);
      const checkpoint = { checkpoint: `step-${String(step)}`, step, tuned: model };
      const { record, isNew } = await scorer.score(checkpoint, file.records, options);
      if (isNew) await file.append([record]);
      const records = [...file.records.values()].filter((one) => one.settings === scorer.settings);
      const watch = summariseWatch({
        ...{ ...scoring, base, judge: null, rate, records, unread: [] },
        folder: cell.name,
        end: step === cell.training?.steps ? 'trained' : null,
      });
      const { alarm } = watch;
      const said: WatchFile = alarm !== null && stop && watch.end === null ? { ...watch, end: 'alarm' } : watch;
      await writeWatch(to, said);
      await onState(to, said);
      return {
        ...{ step, score: record.score, threshold: scoring.calibration?.threshold.threshold ?? null },
        alarm: alarm === null ? null : { step: alarm.step, lastGood: alarm.lastGood?.step ?? null },
      };
    },
    check: async (base) => {
      await prepare(base);
    },
    close: async () => {
      for (const scorer of scorers.values()) await scorer.close();
      for (const curve of curves.values()) await (await curve.catch(() => null))?.close();
      await store.close();
    },
  };
}

async function createCurve(to: string): Promise<RecordFile<CheckpointRecord>> {
  await mkdir(to, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(to, cause);
  });
  return openRecordFile(join(to, checkpointRecords.name), checkpointRecords);
}
