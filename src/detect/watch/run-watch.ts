import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { stoppedIn } from '../../runs/run-outline.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { lockFolder } from '../../foundation/lock-folder.js';
import type { BaseModel } from '../../models/base-model.js';
import type { TunedModel } from '../../models/trainer.js';
import { openRecordFile, type RecordFile } from '../../runs/record-file.js';
import { openArtefactStore } from '../artefact-store.js';
import { describeBase } from '../calibration/describe-base.js';
import { checkpointRecords, type CheckpointRecord } from './checkpoint-record.js';
import { summariseWatch, type HeldAgainst } from './summarise-watch.js';
import type { FoundCheckpoint } from './find-checkpoints.js';
import { openCheckpointScorer, type CheckpointScorerSettings } from './open-checkpoint-scorer.js';
import { writeStopFile } from './stop-file.js';
import { watchCheckpoints, type WatchCheckpointsSettings } from './watch-checkpoints.js';
import { writeWatch, type WatchFile, type WatchPoint } from './watch-file.js';

/** Something that a watch saw. */
export type WatchEvent =
  | {
      readonly kind: 'scored';
      readonly point: WatchPoint;
      /** False for one that an earlier watch scored. */
      readonly isNew: boolean;
      /** What a score must be above for an alarm; null without a calibration. */
      readonly threshold: number | null;
    }
  | {
      /** Half-written for a while, and waited for; whole, and not to be scored; removed before it was scored. */
      readonly kind: 'unfinished' | 'unreadable' | 'gone';
      readonly checkpoint: string;
      readonly step: number;
      readonly problem: string;
    };

export interface RunWatchSettings
  extends
    Omit<CheckpointScorerSettings, 'store'>,
    Pick<
      WatchCheckpointsSettings<unknown>,
      'folder' | 'clock' | 'poll' | 'quietFor' | 'patience' | 'isOnce' | 'signal'
    > {
  /** Where results go. It is created with the first checkpoint. */
  readonly to: string;
  readonly stopFile: string;
  readonly openModel: (folder: string) => Promise<BaseModel>;
  /** What scores are held against. */
  readonly calibration: HeldAgainst | null;
  /** How often a training that does not deserve it may be stopped. */
  readonly rate: number;
  /** Called before the first checkpoint is scored, with the folder of the results. */
  readonly onOpen?: (to: string) => Promise<void>;
  readonly onEvent: (event: WatchEvent) => void;
  /** Called with remarks on the first checkpoint, which hold for the others, too. */
  readonly onNotice: (notice: string) => void;
  /** Called after every checkpoint, and at the end. */
  readonly onState: (watch: WatchFile) => Promise<void>;
}

/**
 * Scores the checkpoints of a training as they appear, until one raises an alarm or the training is over. It can be stopped at any moment and
 * called again: no checkpoint is scored twice, and the files come out the same.
 */
export async function runWatch(settings: RunWatchSettings): Promise<WatchFile> {
  const { folder, to, stopFile, base, surface, detector, asked, calibration, rate, signal, onEvent } = settings;
  const threshold = calibration?.threshold ?? null;
  const judge = asked === null ? null : { name: asked.judge.name, rule: asked.rule };
  const store = openArtefactStore([to]);
  const scorer = openCheckpointScorer({ ...settings, store });
  // An object, since TypeScript takes a variable that only closures set for one that is never set.
  const opened: { records: Promise<OpenedRecords> | null } = { records: null };
  const open = (): Promise<OpenedRecords> => (opened.records ??= openRecords(to, settings.onOpen));

  const remarks: { told: string[] | null } = { told: null };

  const listRecords = async (): Promise<CheckpointRecord[]> =>
    [...(await open()).file.records.values()].filter((record) => record.settings === scorer.settings);

  async function scoreOne(found: FoundCheckpoint) {
    const { file } = await open();
    const { name, step, kind } = found;
    const tuned =
      kind === 'adapter' ? ({ kind, folder: found.folder } as const) : await settings.openModel(found.folder);
    // One that cannot be opened says why when it is scored.
    remarks.told ??= await remarkOnCheckpoint(base, tuned).catch(() => null);
    for (const remark of remarks.told?.splice(0) ?? []) settings.onNotice(remark);
    const { record, isNew } = await scorer.score({ checkpoint: name, step, tuned }, file.records, { signal });
    if (!isNew) return { record, isNew };
    // A checkpoint that was written anew begins a training anew: what came after it belongs to the one before.
    const before = (await listRecords()).filter((one) => one.checkpoint === name);
    if (before.length > 0)
      await file.drop((await listRecords()).filter((one) => one.step >= step).map(({ key }) => key));
    await file.append([record]);
    return { record, isNew };
  }

  const describe = (
    records: readonly CheckpointRecord[],
    { end, unread }: Pick<WatchFile, 'end' | 'unread'>,
  ): WatchFile => {
    const watch = summariseWatch({ folder, base, detector, surface, judge, calibration, rate, records, end, unread });
    return watch.alarm === null ? watch : { ...watch, end: 'alarm' };
  };

  async function write(watch: WatchFile): Promise<WatchFile> {
    await writeWatch(to, watch);
    await settings.onState(watch);
    return watch;
  }

  try {
    const events = watchCheckpoints({ ...settings, score: scoreOne });
    for (let next = await events.next(); ; next = await events.next()) {
      if (next.done === true) {
        const { end, unread } = next.value;
        if (opened.records === null) throw nothingFound(folder, unread[0]?.problem ?? null);
        return await write(describe(await listRecords(), { end, unread: unread.map(describeUnread) }));
      }
      const { value: event } = next;
      const { name: checkpoint, step } = event.checkpoint;
      if (event.kind !== 'scored') {
        const problem = event.kind === 'gone' ? 'it was removed before it was scored' : event.problem;
        onEvent({ kind: event.kind, checkpoint, step, problem });
        continue;
      }
      const { record, isNew } = event.scored;
      const watch = await write(describe(await listRecords(), { end: null, unread: [] }));
      const point = watch.curve.find(({ look }) => look === record.look);
      if (point !== undefined) onEvent({ kind: 'scored', point, isNew, threshold: threshold?.threshold ?? null });
      if (watch.alarm === null) continue;
      await writeStopFile(stopFile, watch.alarm, detector.name);
      await events.return({ end: 'once', unread: [] });
      return watch;
    }
  } catch (cause) {
    throw signal.aborted ? stoppedIn(to, 'scored', cause) : cause;
  } finally {
    await scorer.close();
    await store.close();
    await (await opened.records?.catch(() => null))?.close();
  }
}

/**
 * What the user of a checkpoint should know and need not act on: an adapter that says that it was made for another base, or has a chat template of
 * its own; a whole model that reads conversations otherwise than the base.
 */
async function remarkOnCheckpoint(base: BaseModel, tuned: TunedModel | BaseModel): Promise<string[]> {
  if ('kind' in tuned)
    return tuned.kind === 'adapter' ? [...((await base.inspectAdapter?.(tuned.folder))?.remarks ?? [])] : [];
  const [own, ofBase] = [await describeBase(tuned), await describeBase(base)];
  if (own.tokens === ofBase.tokens) return [...tuned.remarks];
  return [
    ...tuned.remarks,
    `${tuned.reference.text} makes other tokens of a conversation than ${base.reference.text}: part of what differs may be its tokenizer or its chat template`,
  ];
}

interface OpenedRecords {
  readonly file: RecordFile<CheckpointRecord>;
  readonly close: () => Promise<void>;
}

async function openRecords(to: string, onOpen: RunWatchSettings['onOpen']): Promise<OpenedRecords> {
  await mkdir(to, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(to, cause);
  });
  const unlock = await lockFolder(to);
  try {
    await onOpen?.(to);
    const file = await openRecordFile(join(to, checkpointRecords.name), checkpointRecords);
    return {
      file,
      close: async () => {
        await file.close();
        await unlock();
      },
    };
  } catch (cause) {
    await unlock();
    throw cause;
  }
}

function describeUnread({
  checkpoint: { name, step },
  problem,
}: {
  readonly checkpoint: FoundCheckpoint;
  readonly problem: string;
}): WatchFile['unread'][number] {
  return { checkpoint: name, step, problem };
}

function nothingFound(folder: string, problem: string | null): DriftlineError {
  return new DriftlineError({
    code: 'checkpoint-missing',
    message:
      problem === null
        ? `no checkpoint came in ${folder}: no folder checkpoint-N, step-N or epoch_N, there or in checkpoints`
        : `no checkpoint in ${folder} became whole: ${problem}`,
    hint: 'Name the folder that the trainer writes to, and have it save checkpoints: save_steps in TRL, Axolotl and Unsloth.',
    details: { folder },
  });
}
