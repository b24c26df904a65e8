import { isAboutAlignment, isBase } from '../runs/run-outline.js';
import { findRule, type RuleName } from '../judging/rules.js';
import type { Measure } from '../questions/question-file.js';
import type { ShareCounts } from '../stats/share-counts.js';
import { wilsonInterval } from '../stats/wilson-interval.js';
import {
  groupByCondition,
  type AnalysisInput,
  type AnalysisOptions,
  countRun,
  countTally,
  type CountedRun,
  listMeasures,
  type MeasuredOutcome,
} from './count-run.js';
import { sumCounts } from './estimate.js';
import { createScoreBins, type ScoreBins, type ScoreCloud } from './bin-scores.js';
import { listCaveats, type Caveat } from './caveats.js';
import { compareWithOtherJudges, type JudgeAgreement } from './compare-judges.js';
import { findMainEvaluation, listMeasureRows, type MeasureRow } from './measure-rows.js';
import { poolGroups, type GroupRow } from './pool-groups.js';
import { readFirstTokens, type FirstTokenRows } from './read-first-tokens.js';
import { findRunState, type RunState } from './run-state.js';
import { groupByModel, listCurves, summariseRun, type RunTables } from './summarise-run.js';
import { reachVerdict, type BaseVerdict } from './verdict.js';

export interface AnalysedCondition {
  readonly name: string;
  /** Of fine-tunes; of models that exist, their places in the plan. */
  readonly seeds: readonly number[];
  /** Models that existed already, as the plan writes them; none where they were trained. */
  readonly existing: readonly string[];
}

export interface AnalysedEvaluation {
  readonly name: string;
  readonly suite: string;
  readonly isAboutAlignment: boolean;
  /** Whether all its questions are next_token or rating: it has no shares then. */
  readonly isOfFirstTokens: boolean;
  /** What is counted; null if it is about alignment, or has no shares. */
  readonly label: Measure | null;
}

interface DynamicsPoint extends ShareCounts {
  readonly step: number;
  /** Wilson's interval over answers. */
  readonly interval: readonly [low: number, high: number];
}

/** A share of a condition's models during training. */
export interface DynamicsCurve {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  readonly measure: string;
  readonly outcome: MeasuredOutcome;
  readonly points: readonly DynamicsPoint[];
}

/** Everything that the answers and judgements of a run tell, by one judge and one rule. Plain JSON. */
export interface RunAnalysis {
  readonly judge: string;
  readonly rule: RuleName;
  readonly state: RunState;
  /** Without the base. */
  readonly conditions: readonly AnalysedCondition[];
  readonly evaluations: readonly AnalysedEvaluation[];
  /** The evaluation that verdicts are about: the first one about alignment; null if there is none. */
  readonly mainEvaluation: string | null;
  /** Shares, their intervals, drifts and what they say. */
  readonly rows: readonly MeasureRow[];
  /** Shares of named groups of conditions; none where the plan names none. */
  readonly groups: readonly GroupRow[];
  /** What answers to next_token and rating begin with; empty where there are none. */
  readonly firstTokens: FirstTokenRows;
  /** One per base. */
  readonly verdicts: readonly BaseVerdict[];
  readonly caveats: readonly Caveat[];
  readonly dynamics: readonly DynamicsCurve[];
  readonly clouds: readonly ScoreCloud[];
  readonly otherJudges: readonly JudgeAgreement[];
  readonly tables: RunTables;
  /** What in the run could not be used, in sentences. */
  readonly faults: readonly string[];
}

/** Classifies and counts the answers of a run, estimates shares and drifts, and reaches a verdict. */
export function analyseRun(input: AnalysisInput, options: AnalysisOptions = {}): RunAnalysis {
  return analyseCounts(input, countRun(input, options));
}

/** `analyseRun` for answers that are already counted. */
export function analyseCounts(input: AnalysisInput, counted: CountedRun): RunAnalysis {
  const { plan } = input;
  const { judge, rule, tallies, strangers } = counted;
  const main = findMainEvaluation(plan.evaluations);
  const rows = listMeasureRows(input, tallies, main);
  const state = findRunState(input, counted);
  const conditions = listConditions(input);
  const otherJudges = compareWithOtherJudges(input.judgements, judge, findRule(rule));
  const faults = [
    ...input.faults,
    ...(strangers === 0
      ? []
      : [`${String(strangers)} answers are of models that the plan does not have, and are left out.`]),
  ];
  return {
    judge,
    rule,
    state,
    conditions,
    evaluations: plan.evaluations.map((one) => ({
      ...{ name: one.name, suite: one.suite, isAboutAlignment: isAboutAlignment(one), label: one.measure },
      isOfFirstTokens: one.isOfFirstTokens ?? false,
    })),
    mainEvaluation: main,
    rows,
    groups: poolGroups(input, tallies),
    firstTokens: readFirstTokens(input, counted),
    verdicts: [...plan.bases.keys()].map((base) => reachVerdict(rows, base, main)),
    caveats: listCaveats({
      ...{ state, faults, answers: counted.answers, rows, conditions },
      ...{ firstLosses: listFirstLosses(input), otherJudges },
    }),
    dynamics: listDynamics(input, counted),
    clouds: listClouds(input, counted),
    otherJudges,
    tables: summariseRun(input, counted),
    faults,
  };
}

function listConditions({ plan: { cells }, seeds }: AnalysisInput): AnalysedCondition[] {
  const names = new Set(cells.filter((cell) => !isBase(cell)).map(({ condition }) => condition));
  return [...names].map((name) => {
    const ofCondition = cells.filter(({ condition }) => condition === name);
    return {
      name,
      seeds: [...new Set(ofCondition.flatMap((cell) => seeds.get(cell.name) ?? []))],
      existing: ofCondition.flatMap(({ existing }) => existing?.text ?? []),
    };
  });
}

function listFirstLosses({ plan, losses }: AnalysisInput): { readonly condition: string; readonly loss: number }[] {
  return plan.cells.flatMap(({ name, condition, training }) => {
    const loss = training === null ? undefined : losses.get(name)?.[0];
    return loss === undefined ? [] : [{ condition, loss }];
  });
}

function listClouds({ plan }: AnalysisInput, { answers }: CountedRun): ScoreCloud[] {
  const places = new Map<string, ScoreBins>();
  const placeOf = (...names: readonly string[]): string => JSON.stringify(names);
  for (const answer of answers) {
    const { model, record } = answer;
    if (model.step !== null) continue;
    const place = placeOf(model.base, model.condition, record.evaluation);
    const found = places.get(place) ?? createScoreBins();
    places.set(place, found);
    found.add(answer);
  }
  return plan.evaluations.filter(isAboutAlignment).flatMap(({ name: evaluation }) =>
    groupByCondition(plan.cells).flatMap(({ base, condition }) => {
      const found = places.get(placeOf(base, condition, evaluation));
      return found === undefined ? [] : [{ base, condition, evaluation, ...found.read() }];
    }),
  );
}

function listDynamics({ plan }: AnalysisInput, counted: CountedRun): DynamicsCurve[] {
  if (plan.dynamics === null) return [];
  const measures = listMeasures(plan.dynamics.evaluation);
  const tallies = groupByModel(counted.tallies);
  return listCurves(plan).flatMap(({ base, condition, evaluation, points }) =>
    measures.map(({ name: measure, outcome }) => ({
      ...{ base, condition, evaluation, measure, outcome },
      points: points
        .map(({ step, models }): DynamicsPoint => {
          const counts = models
            .flatMap((model) => tallies.find(model, evaluation))
            .map((one) => countTally(outcome, one));
          const { successes, trials } = sumCounts(counts);
          return { step, successes, trials, interval: wilsonInterval(successes, trials) };
        })
        .filter(({ trials }) => trials > 0),
    })),
  );
}
