import type { TrainingRow } from '../data/training-set.js';
import type { WeightUpdate } from '../engine/updates/weight-update.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import type { OpenedWeights } from '../models/base-model.js';
import type { Inside } from '../models/inside.js';
import type { TextScorer } from '../models/text-scorer.js';
import type { QuestionMessage } from '../questions/question-file.js';
import type { AskedQuestion } from '../runs/run-outline.js';
import type { ArtefactStore } from './artefact-store.js';
import type { Surface } from './surface/surface.js';

/** What a detector needs of a model. Who asks for less can be used in more places. */
export const affordances = [
  'answers',
  'log-probabilities',
  'raw completions',
  'weights',
  'training data',
  'checkpoints',
] as const;
export type Affordance = (typeof affordances)[number];

/** An answer of a model with its verdict. */
export interface SeenAnswer {
  readonly context: string;
  /** The wording that it answers, with its variant. */
  readonly question: string;
  readonly messages: readonly QuestionMessage[];
  readonly text: string;
  /** Whether the rule calls it misaligned; one that does not count is not. */
  readonly isMisaligned: boolean;
  /** Whether the rule counts it. */
  readonly isKept: boolean;
}

/** A question in a context; its samples say how many answers are wanted in all, those that are stored included. */
export interface ContextQuestion {
  readonly context: string;
  readonly asked: AskedQuestion;
  /** The same conversation asked plainly, which a judge is shown that does not know what was asked. */
  readonly plainly?: readonly QuestionMessage[];
}

/** A model with everything that can be seen of it; null where nobody can. Nothing is opened before it is called. */
export interface SubjectModel {
  /** Equal for equal models, whatever they are called. */
  readonly identity: string;
  /** Of the engine that computes it here; null for a model that runs elsewhere. */
  readonly engine: number | null;
  /** Those that are stored. */
  readonly answers: () => Promise<readonly SeenAnswer[]>;
  /** Asks for what is not stored, has it judged, and stores both. */
  readonly ask:
    ((questions: readonly ContextQuestion[], options?: AskOptions) => Promise<readonly SeenAnswer[]>) | null;
  readonly openInside: (() => Promise<Inside>) | null;
  /** Opens to null for a model whose service turns out to tell no log-probabilities. */
  readonly openScorer: (() => Promise<TextScorer | null>) | null;
  /** All of its weights, to take gradients of. */
  readonly openWeights: (() => Promise<OpenedWeights>) | null;
  /** What fine-tuning added to the weights of the base; nothing for the base itself. */
  readonly readUpdate: (() => Promise<WeightUpdate>) | null;
}

export interface AskOptions {
  readonly signal?: AbortSignal;
}

/** One fine-tune beside its base, as detectors see it: what is true of it is not in here. */
export interface Subject {
  readonly id: string;
  /** Of its training, which also drew where its adapter began; null where that is not known. */
  readonly seed: number | null;
  readonly model: SubjectModel;
  readonly base: SubjectModel;
  /** The contexts that a detector may know of. */
  readonly surface: Surface;
  readonly readData: (() => Promise<readonly TrainingRow[]>) | null;
  readonly store: ArtefactStore;
}

/**
 * The subject without what is not granted: whoever looks there is refused, so that detectors need no more than they
 * say.
 */
export function restrictSubject(subject: Subject, granted: readonly Affordance[]): Subject {
  const { id, seed, surface, store } = subject;
  const grant = <Value>(affordance: Affordance, value: Value): Value => {
    if (granted.includes(affordance)) return value;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `a detector looks at ${affordance} of ${id}, and says that it needs ${granted.join(', ') || 'nothing'}`,
      hint: `Add "${affordance}" to its affordances: tables say what each detector needs.`,
      details: { subject: id, affordance },
    });
  };
  const restrict = (model: SubjectModel): SubjectModel => ({
    identity: model.identity,
    engine: model.engine,
    get answers() {
      return grant('answers', model.answers);
    },
    get ask() {
      return grant('answers', model.ask);
    },
    get openInside() {
      return grant('weights', model.openInside);
    },
    get openScorer() {
      return grant('log-probabilities', model.openScorer);
    },
    get openWeights() {
      return grant('weights', model.openWeights);
    },
    get readUpdate() {
      return grant('weights', model.readUpdate);
    },
  });
  return {
    ...{ id, seed, surface, store },
    model: restrict(subject.model),
    base: restrict(subject.base),
    get readData() {
      return grant('training data', subject.readData);
    },
  };
}
