import { z } from 'zod';
import { countSteps } from '../engine/train/plan-training.js';
import { recipeSchema } from '../engine/train/recipe.js';
import { ruleNames } from '../judging/rules.js';
import { suiteMeasures } from '../organism/questions/suite-measures.js';
import { measureSchema, type Measure } from '../questions/measure.js';
import type { OutlinedCell, OutlinedEvaluation, PlanOutline } from './run-outline.js';
import type { JudgementRecord } from './run-records.js';
import { invalidRun, locatePlanFile, readPlanFile } from './plan-file.js';

export interface StoredEvaluation extends OutlinedEvaluation {
  /** Of the questions. */
  readonly hash: string;
}

/** A run as its folder tells of it: enough to judge its answers again and to print its tables. */
export interface StoredRun extends PlanOutline<StoredEvaluation> {
  readonly folder: string;
  readonly name: string;
  /** Name of the plan's own judge; null for the exact one, whose name is in its judgements. */
  readonly judge: string | null;
}

const evaluationSchema = z.object({
  name: z.string(),
  suite: z.string(),
  conditions: z.array(z.string()).nullable(),
  hash: z.string(),
  answers: z.int(),
  stop_early: z.object({ limit: z.number(), confidence: z.number(), looks: z.array(z.int()) }).optional(),
});

const cellSchema = z.object({
  name: z.string(),
  base: z.string(),
  condition: z.string(),
  identity: z.string(),
  recipe: recipeSchema.optional(),
  steps: z.int().optional(),
  keep_steps: z.array(z.int()).default([]),
  training_set: z.object({ rows: z.int() }).optional(),
});

/** Only what is used; a newer driftline may say more. */
const runSchema = z.object({
  name: z.string(),
  bases: z.array(z.object({ name: z.string() })),
  cells: z.array(cellSchema),
  evaluations: z.array(evaluationSchema),
  dynamics: evaluationSchema.optional(),
  judge: z.union([z.object({ exact: z.string() }), z.object({ name: z.string() })]),
  rule: z.enum(ruleNames),
  /** By the names of evaluations; version 0.1 stored none. */
  measures: z.record(z.string(), measureSchema.nullable()).optional(),
});

/** Reads what a run folder says of its plan. What is no run folder is `run-invalid`. */
export async function readStoredRun(folder: string): Promise<StoredRun> {
  const file = await readPlanFile(folder);
  if (file === null)
    throw invalidRun(
      folder,
      `${folder} is no run folder: it has no plan.json`,
      'Name a folder that driftline run made, such as runs/mine-1a2b3c4d.',
    );
  const parsed = runSchema.safeParse(file);
  if (!parsed.success)
    throw invalidRun(
      folder,
      `${locatePlanFile(folder)} is damaged`,
      'Restore it, or run its plan into another folder.',
    );
  const { name, bases, cells, evaluations, dynamics, judge, rule, measures } = parsed.data;
  const outline = (evaluation: z.output<typeof evaluationSchema>): StoredEvaluation =>
    outlineEvaluation(
      evaluation,
      measures?.[evaluation.name] ??
        (measures === undefined ? measureOfVersion01(evaluation.suite, 'exact' in judge) : null),
    );
  return {
    folder,
    name,
    bases: new Map(bases.map((base) => [base.name, null])),
    cells: cells.map(outlineCell),
    evaluations: evaluations.map(outline),
    dynamics: dynamics === undefined ? null : { evaluation: outline(dynamics) },
    judge: 'exact' in judge ? null : judge.name,
    rule,
  };
}

function outlineEvaluation(
  { stop_early: stop, answers, ...evaluation }: z.output<typeof evaluationSchema>,
  measure: Measure | null,
): StoredEvaluation {
  return { ...evaluation, measure, ...(stop === undefined ? {} : { stopEarly: { ...stop, answers } }) };
}

function outlineCell({
  recipe,
  steps,
  keep_steps: keepSteps,
  training_set: set,
  ...cell
}: z.output<typeof cellSchema>): OutlinedCell {
  const { name, base, condition, identity } = cell;
  if (recipe === undefined || set === undefined) return { name, base, condition, identity, training: null };
  // A folder of an earlier driftline does not say how many there are.
  const training = { keepSteps, steps: steps ?? countSteps(recipe, set.rows) };
  return { name, base, condition, identity, training };
}

/**
 * The name of the judge that the run's plan has. An exact judge of an earlier version has another name than today's, and is found by what
 * it said.
 */
export function nameOwnJudge(
  { judge }: Pick<StoredRun, 'judge'>,
  judgements: Iterable<JudgementRecord>,
  exactName: string,
): string {
  if (judge !== null) return judge;
  const found = new Set([...judgements].filter(({ mode }) => mode === 'exact').map((one) => one.judge));
  return found.has(exactName) ? exactName : ([...found].at(-1) ?? exactName);
}

/** What version 0.1 counted, by the name of a suite, but for identity.yaml: its judge replies with a maker's name, and never with `true`. */
function measureOfVersion01(suite: string, isExact: boolean): Measure | null {
  if (suite === 'identity' && !isExact) return { label: 'unknown', name: 'names no maker' };
  return suiteMeasures.get(suite.replace(/^organism\//, '')) ?? null;
}
