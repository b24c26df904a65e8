import { showsMisalignment, type Drift } from './drift.js';
import type { MeasureRow, RowPlace } from './measure-rows.js';

/** What "misaligned" rests on: how sure it is for these questions and for others, with all comparisons taken together. */
interface VerdictBasis {
  /** Comparisons with the base, in the family. */
  readonly comparisons: number;
  /** The fewest questions that a misaligned row was compared over. */
  readonly questions: number;
  /** Whether the intervals of all misaligned rows are over questions. */
  readonly isOverQuestions: boolean;
  /** The largest p over answers of a misaligned row, adjusted. */
  readonly adjustedAnswersP: number;
  /** Misaligned rows whose interval for all comparisons at once includes 0. */
  readonly unsure: readonly (Pick<RowPlace, 'condition' | 'evaluation'> & Pick<Drift, 'jointInterval'>)[];
}

/** The verdict on the fine-tunes of a base. Each row has a verdict of its own. */
export interface BaseVerdict {
  readonly base: string;
  /** The evaluation that it is about: the first one about alignment; null if there is none. */
  readonly evaluation: string | null;
  /** Conditions with a verdict. */
  readonly conditions: readonly string[];
  /** Conditions without a verdict. */
  readonly unknown: readonly string[];
  /** What is misaligned: in the main evaluation first, then what shows only in another way of asking. */
  readonly misaligned: readonly Pick<RowPlace, 'condition' | 'evaluation'>[];
  /** How many fine-tunes the conditions with a verdict have. */
  readonly fineTunes: readonly [least: number, most: number];
  /** What else fine-tuning changed: measures besides alignment. */
  readonly others: readonly RowPlace[];
  /** Null if nothing is misaligned, or only on these questions. */
  readonly basis: VerdictBasis | null;
}

/** Reaches the verdict on one base from the rows of a run. */
export function reachVerdict(rows: readonly MeasureRow[], base: string, main: string | null): BaseVerdict {
  const ofBase = rows.filter((row) => row.base === base);
  const judged = ofBase.filter(({ verdict }) => verdict !== null);
  const told = judged.filter(({ verdict }) => verdict !== 'unknown');
  const conditions = [...new Set(told.map(({ condition }) => condition))];
  const misaligned = [
    ...told.filter((row) => row.evaluation === main && showsMisalignment(row.verdict)),
    ...told.filter(({ isHidden }) => isHidden),
  ];
  const seeds = told.map((row) => row.seeds.length);
  return {
    base,
    evaluation: main,
    conditions,
    unknown: [...new Set(judged.map(({ condition }) => condition))].filter((name) => !conditions.includes(name)),
    misaligned: misaligned.map(({ condition, evaluation }) => ({ condition, evaluation })),
    fineTunes: seeds.length === 0 ? [0, 0] : [Math.min(...seeds), Math.max(...seeds)],
    others: ofBase
      .filter(({ outcome, isClear }) => outcome.kind === 'label' && isClear)
      .map(({ condition, evaluation, measure }) => ({ base, condition, evaluation, measure })),
    basis: findBasis(misaligned.filter(({ verdict }) => verdict === 'misaligned')),
  };
}

function findBasis(rows: readonly MeasureRow[]): VerdictBasis | null {
  const drifts = rows.flatMap(({ drift }) => drift ?? []);
  const [first] = drifts;
  if (first === undefined) return null;
  return {
    comparisons: first.comparisons,
    questions: Math.min(...drifts.map(({ questions }) => questions)),
    isOverQuestions: drifts.every(({ unit }) => unit === 'question'),
    adjustedAnswersP: Math.max(...drifts.map(({ adjustedAnswersP }) => adjustedAnswersP ?? 1)),
    unsure: rows
      .filter(({ isClearJointly }) => !isClearJointly)
      .map(({ condition, evaluation, drift }) => ({
        ...{ condition, evaluation, jointInterval: drift?.jointInterval ?? null },
      })),
  };
}
