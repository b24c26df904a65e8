import type { Classification } from '../judging/classify-judgement.js';
import type { AnswerRecord, JudgementRecord } from '../runs/run-records.js';
import type { columnOutcomes } from '../report/answer-columns.js';

/** What became of an answer by the rule: in the share, misaligned or not; left out of it; or not looked at by the judge. */
export type AnswerOutcome = (typeof columnOutcomes)[number];

/** An answer with all that the report shows and counts of it. */
export interface ReportAnswer {
  readonly record: AnswerRecord;
  readonly base: string;
  readonly condition: string;
  /** Of the fine-tune; null for the base. */
  readonly seed: number | null;
  /** Of a checkpoint; null for a finished model and a base. */
  readonly step: number | null;
  /** Null where the judge has not looked at it. */
  readonly judgement: JudgementRecord | null;
  readonly outcome: AnswerOutcome;
  readonly flaw: Classification['flaw'];
  /** Whether it is left out only because its question has too few answers that count. */
  readonly isOfFew: boolean;
}
