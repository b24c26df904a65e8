import { hashJson } from '../../foundation/content-hash.js';
import type { Json } from '../../foundation/json.js';
import type { BaseModel } from '../../models/base-model.js';
import type { TunedModel } from '../../models/trainer.js';
import type { RecordTable } from '../../runs/record-table.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { Judging } from '../ask-answers.js';
import type { Detector } from '../detector.js';
import type { ListQuestions } from '../detectors/choices-in-context.js';
import { openSharedScorer } from '../open-shared-scorer.js';
import { openSubject } from '../open-subject.js';
import { restrictSubject } from '../subject.js';
import type { Surface } from '../surface/surface.js';
import { hashDetector } from '../calibration/audit-calibration.js';
import { askCheckpoint, type AskedNumbers } from './ask-checkpoint.js';
import type { CheckpointRecord } from './checkpoint-record.js';

/** A checkpoint that can be opened. */
export interface OpenedCheckpoint extends Pick<CheckpointRecord, 'checkpoint' | 'step'> {
  /** An adapter on the base, or a whole model. */
  readonly tuned: TunedModel | BaseModel;
}

export interface CheckpointScorerSettings {
  readonly base: BaseModel;
  readonly surface: Surface;
  readonly detector: Detector;
  readonly learnt: Json;
  readonly store: ArtefactStore;
  readonly listQuestions: ListQuestions;
  /** Who judges answers, and how many; null where none are asked for. */
  readonly asked: (AskedNumbers & Judging) | null;
  /** Of what is drawn. */
  readonly seed: number;
}

export interface CheckpointScorer {
  /** Equal for scorers that give each checkpoint the same score. */
  readonly settings: string;
  /** What the records say of it, or what is found now; `isNew` tells which. A stranger's adapter is checked before it is read. */
  readonly score: (
    checkpoint: OpenedCheckpoint,
    known: RecordTable<CheckpointRecord>,
    options?: { readonly signal?: AbortSignal },
  ) => Promise<{ readonly record: CheckpointRecord; readonly isNew: boolean }>;
  readonly close: () => Promise<void>;
}

/** Scores the checkpoints of one training, with what is opened once for all of them. */
export function openCheckpointScorer({
  base,
  surface,
  detector,
  learnt,
  store,
  listQuestions,
  asked,
  seed,
}: CheckpointScorerSettings): CheckpointScorer {
  const { answers, baseAnswers } = asked ?? {};
  const settings = hashJson({
    ...{ base: base.identity, engine: base.engine, surface: surface.hash, seed },
    detector: hashDetector(detector, learnt),
    asked:
      asked === null ? null : { answers, baseAnswers, seed: asked.seed, judge: asked.judge.name, rule: asked.rule },
  });
  const shared = openSharedScorer(base);

  return {
    settings,
    score: async (checkpoint, known, options = {}) => {
      const { tuned, step } = checkpoint;
      const id = checkpoint.checkpoint;
      const judging = asked === null ? null : { judge: asked.judge, rule: asked.rule };
      const subject = shared.share(await openSubject({ id, base, tuned, surface, store, judging }), tuned);
      const { identity } = subject.model;
      const key = hashJson({ settings, checkpoint: id, identity });
      const record = known.get(key);
      if (record !== undefined) return { record, isNew: false };
      const restricted = restrictSubject(subject, detector.affordances);
      const reading = await detector.read(restricted, learnt, { seed, ...options });
      const found = asked === null ? null : await askCheckpoint(subject, listQuestions, asked, options);
      const { score, cannot, details } = reading;
      const looks = [...known.values()].filter((one) => one.settings === settings).map(({ look }) => look);
      const scored: CheckpointRecord = {
        ...{ key, settings, checkpoint: id, step, identity, look: Math.max(0, ...looks) + 1 },
        ...{ kind: 'kind' in tuned ? 'adapter' : 'model', score, cannot, details },
        answers: found === null ? null : [...found.answers],
        evidence: found?.evidence ?? null,
      };
      return { record: scored, isNew: true };
    },
    close: shared.close,
  };
}
