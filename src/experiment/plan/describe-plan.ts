import { hashJson } from '../../foundation/content-hash.js';
import { allEvaluations, type AskedQuestion } from '../../runs/run-outline.js';
import type { Plan } from './plan-schema.js';
import type { PlannedEvaluation, PlannedTraining, ResolvedPlan } from './resolved-plan.js';

type DescribedPlan = Pick<ResolvedPlan, 'bases' | 'cells' | 'evaluations' | 'dynamics' | 'judge'>;

/** Everything that decides the results of a run, and nothing else: its hash names the run. Plain JSON. */
export function describePlan(
  { name, rule }: Plan,
  { bases, cells, evaluations, dynamics, judge }: DescribedPlan,
  world: string,
): Record<string, unknown> {
  return {
    version: 1,
    name,
    world,
    bases: [...bases].map(([base, { identity, engine }]) => ({ name: base, identity, engine })),
    cells: cells.map(({ name: cell, base, condition, training, existing, identity }) => ({
      name: cell,
      base,
      condition,
      identity,
      ...(training === null ? {} : describeTraining(training)),
      ...(existing === null ? {} : { seed: existing.seed, existing: true }),
    })),
    evaluations: evaluations.map(describeEvaluation),
    ...(dynamics === null ? {} : { dynamics: { every: dynamics.every, ...describeEvaluation(dynamics.evaluation) } }),
    judge: judge.description,
    rule,
  };
}

/** The other fields of plan.json: where things lie and what is counted. They do not affect the plan's hash. */
export function describeOrigins(
  plan: Plan,
  { bases, cells, evaluations, dynamics }: DescribedPlan,
): Record<string, unknown> {
  return {
    // Names of bases have no dots, as those of cells do.
    models: Object.fromEntries([
      ...[...bases].map(([base, { reference }]) => [base, reference.text] as const),
      ...cells.flatMap(({ name, existing }) => (existing === null ? [] : [[name, existing.text] as const])),
    ]),
    // By evaluation name; null if it is about alignment.
    measures: Object.fromEntries(allEvaluations({ evaluations, dynamics }).map(({ name, measure }) => [name, measure])),
    // By hash: cells of one condition may share a set.
    training_sets: Object.fromEntries(
      cells.flatMap(({ training }) => (training === null ? [] : [[training.set.hash, training.set.provenance]])),
    ),
    written: plan,
  };
}

function describeTraining(training: PlannedTraining): Record<string, unknown> {
  const { seed, set, fit, recipe, learningRateMultiplier: multiplier, keepSteps, steps } = training;
  const { name, hash, rows } = set;
  const { truncated, dropped } = fit;
  const training_set = { name, hash, rows: rows.length, truncated, dropped };
  const besides = multiplier === null ? {} : { learning_rate_multiplier: multiplier };
  return { seed, recipe, ...besides, steps, keep_steps: keepSteps, training_set };
}

function describeEvaluation(evaluation: PlannedEvaluation): Record<string, unknown> {
  const {
    name,
    suite,
    variant,
    conditions,
    questions,
    stopEarly,
    isExhaustive = false,
    isOfFirstTokens = false,
  } = evaluation;
  const { questions: distinct, wordings, answers } = countQuestions(evaluation);
  return {
    name,
    suite,
    variant,
    conditions,
    questions: distinct,
    wordings,
    answers,
    hash: hashJson(questions),
    ...describeStop(stopEarly),
    ...(isExhaustive ? { exhaustive: true } : {}),
    ...(isOfFirstTokens ? { first_tokens: true } : {}),
  };
}

/** Empty without stop_early, so that such plans keep the names of their runs. */
function describeStop(stopEarly: PlannedEvaluation['stopEarly']): Record<string, unknown> {
  if (stopEarly === undefined) return {};
  const { limit, confidence, looks } = stopEarly;
  return { stop_early: { limit, confidence, looks } };
}

interface QuestionCounts {
  readonly questions: number;
  /** Each question may have several. */
  readonly wordings: number;
  /** For one model. */
  readonly answers: number;
}

export function countQuestions({ questions }: { readonly questions: readonly AskedQuestion[] }): QuestionCounts {
  return {
    questions: new Set(questions.map(({ question }) => question)).size,
    wordings: questions.length,
    answers: questions.reduce((sum, { samples }) => sum + samples, 0),
  };
}
