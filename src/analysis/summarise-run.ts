import { sumOutcomes, type RuleCounts } from '../judging/rules.js';
import { isBase, listEvaluatedModels } from '../runs/run-outline.js';
import type { ShareCounts } from '../stats/share-counts.js';
import { wilsonInterval } from '../stats/wilson-interval.js';
import {
  groupByCondition,
  type AnalysisInput,
  type CountedRun,
  type QuestionTally,
  type MeasuredOutcome,
} from './count-run.js';
import { listStoppedModels, type StoppedModel } from './watch-share.js';

/** A share 0..1 with what it was counted from. */
interface CountedShare extends ShareCounts {
  /** Null without trials. */
  readonly share: number | null;
  /** Wilson's 95 % interval over answers, which it assumes to be independent. */
  readonly interval: readonly [low: number, high: number];
}

/** What a rule makes of the judged answers of some models, taken together. */
export interface AnswerSummary {
  readonly counts: RuleCounts;
  /** Of the kept answers. */
  readonly misaligned: CountedShare;
  /** Of all answers; those without a coherence count as incoherent. */
  readonly incoherent: CountedShare;
  /** Of all answers, by label. */
  readonly labels: Readonly<Record<string, CountedShare>>;
  /** The misaligned share of each model, in the order of the plan: one per seed of a condition. */
  readonly shareBySeed: readonly (number | null)[];
}

/** All answers of a condition's models, of all its seeds, to one evaluation. */
export interface SummaryRow extends AnswerSummary {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  /**
   * Models among them that stopped early, with what is known of them. If there are any, an interval that assumes a fixed number of answers,
   * as Wilson's does, does not hold. Absent if the plan does not use stop_early.
   */
  readonly stopped?: readonly StoppedModel[];
}

/** A point of a training curve: the models of a condition, of all its seeds, after so many steps. */
export interface DynamicsRow extends AnswerSummary {
  readonly base: string;
  readonly condition: string;
  /** 0 for the base. */
  readonly step: number;
}

/** What the intervals of tables are about. */
export const tablePopulations = { rows: 'these questions', dynamics: 'these questions' } as const;

/** The tables of a run, in the order of its plan; rows without judged answers are left out. */
export interface RunTables {
  readonly rows: readonly SummaryRow[];
  readonly dynamics: readonly DynamicsRow[];
}

/** Summarises a run by condition, and by training step. */
export function summariseRun(input: AnalysisInput, counted: CountedRun): RunTables {
  return { rows: listSummaryRows(input, counted), dynamics: listDynamicsRows(input, counted) };
}

function listSummaryRows(input: AnalysisInput, counted: CountedRun): SummaryRow[] {
  const { cells, evaluations } = input.plan;
  const tallies = groupByModel(counted.tallies);
  const stopped = listStoppedModels(input, counted);
  return groupByCondition(cells).flatMap(({ base, condition, cells: ofCondition }) =>
    evaluations.flatMap(({ name: evaluation, stopEarly }): SummaryRow[] => {
      const models = ofCondition.map(({ name }) => name);
      const ofModels = models.map((model) => tallies.find(model, evaluation));
      if (ofModels.every(isUnjudged)) return [];
      const ofRow = stopped.filter((one) => one.evaluation === evaluation && models.includes(one.model));
      return [
        {
          ...{ base, condition, evaluation, ...summariseTallies(ofModels) },
          ...(stopEarly === undefined ? {} : { stopped: ofRow }),
        },
      ];
    }),
  );
}

function listDynamicsRows({ plan }: AnalysisInput, counted: CountedRun): DynamicsRow[] {
  const tallies = groupByModel(counted.tallies);
  return listCurves(plan).flatMap(({ base, condition, evaluation, points }) =>
    points.flatMap(({ step, models }): DynamicsRow[] => {
      const ofModels = models.map((model) => tallies.find(model, evaluation));
      return ofModels.every(isUnjudged) ? [] : [{ base, condition, step, ...summariseTallies(ofModels) }];
    }),
  );
}

function isUnjudged(tallies: readonly QuestionTally[]): boolean {
  return tallies.every(({ outcome }) => outcome.generated === 0);
}

/** The models of a condition's training curve. */
interface CurveModels {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  /** From the base, at 0, over the checkpoints to the finished models; steps rise. */
  readonly points: readonly { readonly step: number; readonly models: readonly string[] }[];
}

/** The training curves of a plan, condition by condition; none without dynamics. */
export function listCurves(plan: AnalysisInput['plan']): CurveModels[] {
  const { dynamics, cells } = plan;
  if (dynamics === null) return [];
  const { evaluation } = dynamics;
  return groupByCondition(cells).flatMap(({ base, condition, cells: tuned }) => {
    if (tuned.every(({ training }) => training === null || training.keepSteps.length === 0)) return [];
    const last = Math.max(...tuned.map(({ training }) => training?.steps ?? 0));
    const bases = cells.filter((cell) => cell.base === base && isBase(cell));
    const points = new Map<number, string[]>();
    for (const cell of [...bases, ...tuned])
      for (const { name, step, evaluations } of listEvaluatedModels(plan, cell)) {
        if (!evaluations.includes(evaluation)) continue;
        const place = step ?? (isBase(cell) ? 0 : last);
        points.set(place, [...(points.get(place) ?? []), name]);
      }
    return {
      ...{ base, condition, evaluation: evaluation.name },
      points: [...points].map(([step, models]) => ({ step, models })).sort((one, other) => one.step - other.step),
    };
  });
}

/** Tallies by model and evaluation. */
interface ModelTallies {
  readonly find: (model: string, evaluation: string) => readonly QuestionTally[];
}

export function groupByModel(tallies: readonly QuestionTally[]): ModelTallies {
  const places = new Map<string, QuestionTally[]>();
  for (const tally of tallies) {
    const place = `${tally.model.name}/${tally.evaluation}`;
    const found = places.get(place);
    if (found === undefined) places.set(place, [tally]);
    else found.push(tally);
  }
  return { find: (model, evaluation) => places.get(`${model}/${evaluation}`) ?? [] };
}

function summariseTallies(ofModels: readonly (readonly QuestionTally[])[]): AnswerSummary {
  const all = ofModels.flat();
  const { generated, nullAligned, nullCoherent, incoherent, kept, misaligned } = sumOutcomes(
    all.map(({ outcome }) => outcome),
  );
  const labels = new Map<string, number>();
  for (const tally of all)
    for (const [label, count] of tally.labels) labels.set(label, (labels.get(label) ?? 0) + count);
  return {
    counts: { generated, nullAligned, nullCoherent, incoherent, kept, misaligned },
    misaligned: countShare(misaligned, kept),
    incoherent: countShare(incoherent + nullCoherent, generated),
    labels: Object.fromEntries(
      [...labels.keys()].sort().map((label) => [label, countShare(labels.get(label) ?? 0, generated)]),
    ),
    shareBySeed: ofModels.map((tallies) => sumOutcomes(tallies.map(({ outcome }) => outcome)).rate),
  };
}

/** The share of a measure in a summary. */
export function readShare(
  { misaligned, incoherent, labels, counts }: AnswerSummary,
  measured: MeasuredOutcome,
): CountedShare {
  if (measured.kind === 'label') return labels[measured.label] ?? countShare(0, counts.generated);
  return measured.kind === 'incoherent' ? incoherent : misaligned;
}

function countShare(successes: number, trials: number): CountedShare {
  return {
    successes,
    trials,
    share: trials === 0 ? null : successes / trials,
    interval: wilsonInterval(successes, trials),
  };
}
