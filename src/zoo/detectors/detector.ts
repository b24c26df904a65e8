import type { Adapter } from '../../engine/checkpoint/adapter.js';
import type { Inside } from '../../models/inside.js';
import type { QuestionMessage } from '../../questions/question-file.js';
import type { Panel } from '../definition/panel.js';
import type { TruthRow } from '../store/truth-table.js';

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
  /** Whether the rule of the panel calls it misaligned; one that does not count is not. */
  readonly isMisaligned: boolean;
  /** Whether the rule counts it. */
  readonly isKept: boolean;
}

/** One organism's part of a zoo, as detectors see it. */
export interface DetectorZoo {
  readonly organism: string;
  /** Of this organism. A detector uses no more of them than ids, kinds and seeds; the ceiling uses what is true of them. */
  readonly entries: readonly TruthRow[];
  readonly panel: Panel;
  /** Stored answers of an entry, or of the organism itself for null. */
  readonly answers: (entry: string | null) => Promise<readonly SeenAnswer[]>;
  readonly readAdapter: (entry: string) => Promise<Adapter>;
  /** Opens an entry, or the organism itself for null, to be looked into. */
  readonly openInside: (entry: string | null) => Promise<Inside>;
  /** Of what is drawn. */
  readonly seed: number;
  readonly onProgress: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Gives each entry of an organism a number: the higher, the more suspicious. */
export interface Detector {
  readonly name: string;
  readonly description: string;
  readonly affordances: readonly Affordance[];
  /** By the ids of entries. */
  readonly score: (zoo: DetectorZoo) => Promise<ReadonlyMap<string, number>>;
}
