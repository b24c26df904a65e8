import { dirname, isAbsolute, join } from 'node:path';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/nearest-name.js';
import { readYaml } from '../../foundation/read-yaml.js';
import type { TrainingSet } from '../../data/training-set.js';
import { countSteps } from '../../engine/train/plan-training.js';
import { resolveModelReference, type ModelReference } from '../../models/model-reference.js';
import type { BaseModel } from '../../models/open-base-model.js';
import { nameVariant } from '../../organism/questions/question-settings.js';
import type { World } from '../../organism/world/world.js';
import type { Evaluation } from './evaluation-schema.js';
import { listAskedQuestions } from './list-asked-questions.js';
import { dependsOnSeed, loadConditionSet, loadNamedSet, type TrainingSetSources } from './load-training-set.js';
import { resolveRecipe } from './named-recipes.js';
import { planSchema, type Condition, type Plan } from './plan-schema.js';
import type { PlannedCell, PlannedDynamics, PlannedEvaluation, ResolvedPlan } from './resolved-plan.js';

export interface ResolvePlanOptions {
  readonly world: World;
  readonly openBase: (reference: ModelReference) => Promise<BaseModel>;
  /** Version of driftline, for the record. */
  readonly version: string;
}

/** Reads a plan and everything that it names, so that whatever is wrong shows before anything is spent. */
export async function readPlan(file: string, options: ResolvePlanOptions): Promise<ResolvedPlan> {
  return resolvePlan(await readYaml(file, planSchema), file, options);
}

/** `readPlan` for a plan that is at hand; `source` is where paths are relative to, and named in errors. */
export async function resolvePlan(
  plan: Plan,
  source: string,
  { world, openBase, version }: ResolvePlanOptions,
): Promise<ResolvedPlan> {
  const sources = { world, folder: dirname(source) };
  checkConditionNames(plan, source);
  const evaluations = await resolveEvaluations(plan, source, sources);
  const dynamics = await resolveDynamics(plan, sources);
  const bases = new Map<string, BaseModel>();
  for (const written of plan.bases) {
    const base = await openBase(resolveModelReference(written));
    bases.set(nameBase(base.reference, bases), base);
  }
  const cells: PlannedCell[] = [];
  for (const [name, base] of bases) {
    cells.push({ name: `${name}.base`, base: name, condition: 'base', training: null, identity: base.identity });
    for (const [condition, settings] of Object.entries(plan.conditions)) {
      if (base.openTrainer === null) throw cannotTrain(source, base.reference.text);
      cells.push(...(await resolveCells(plan, source, name, base, condition, settings, sources)));
    }
  }
  const decisive = describePlan(plan, { world, bases, cells, evaluations, dynamics });
  return {
    name: plan.name,
    description: plan.description ?? null,
    hash: hashJson(decisive),
    bases,
    cells,
    evaluations,
    dynamics,
    judge: plan.judge.exact,
    rule: plan.rule,
    record: { ...decisive, driftline: version, training_sets: describeSets(cells), written: plan },
  };
}

async function resolveCells(
  plan: Plan,
  source: string,
  baseName: string,
  base: BaseModel,
  name: string,
  condition: Condition,
  sources: TrainingSetSources,
): Promise<PlannedCell[]> {
  const { seeds = plan.seeds, inherit, note: _, ...data } = condition;
  let shared: TrainingSet | null = null;
  const cells: PlannedCell[] = [];
  for (const seed of seeds) {
    const recipe = resolveRecipe(plan.recipe, inherit, seed, `${source}: condition ${name}`);
    // What no seed changes is read once.
    const set: TrainingSet = shared ?? (await loadConditionSet(name, { ...condition, ...data }, seed, sources));
    if (!dependsOnSeed(condition)) shared = set;
    const steps = countSteps(recipe, set.rows.length);
    const keepSteps =
      plan.dynamics === undefined || !isAskedOf(plan.dynamics, name) ? [] : every(plan.dynamics.every, steps);
    cells.push({
      name: `${baseName}.${name}.${String(seed)}`,
      base: baseName,
      condition: name,
      training: { seed, set, recipe, keepSteps },
      identity: hashJson({ base: base.identity, rows: set.hash, recipe }),
    });
  }
  return cells;
}

/** The last step is no checkpoint: its model is the cell's own. */
function every(interval: number, steps: number): number[] {
  return Array.from({ length: Math.ceil(steps / interval) - 1 }, (_, index) => (index + 1) * interval);
}

function isAskedOf({ conditions }: { readonly conditions?: readonly string[] | undefined }, name: string): boolean {
  return conditions?.includes(name) ?? true;
}

async function resolveEvaluations(
  plan: Plan,
  source: string,
  sources: TrainingSetSources,
): Promise<PlannedEvaluation[]> {
  const evaluations: PlannedEvaluation[] = [];
  for (const evaluation of plan.evaluate) {
    const resolved = await resolveEvaluation(evaluation, plan, sources);
    if (evaluations.some(({ name }) => name === resolved.name)) {
      throw invalid(
        `${source}: two evaluations are called "${resolved.name}"`,
        'Give one of them another name: each has its own in tables.',
      );
    }
    evaluations.push(resolved);
  }
  return evaluations;
}

async function resolveEvaluation(
  evaluation: Evaluation,
  plan: Plan,
  sources: TrainingSetSources,
): Promise<PlannedEvaluation> {
  const { suite, variant, conditions } = evaluation;
  const isFile = /\.ya?ml$/.test(suite);
  const located = isFile && !isAbsolute(suite) ? join(sources.folder, suite) : suite;
  const variantName = nameVariant(variant);
  const shortName = suite
    .replace(/^.*[\\/]/, '')
    .replace(/\.ya?ml$/, '')
    .replaceAll('_', '-')
    .toLowerCase();
  return {
    name: evaluation.name ?? (variantName === 'plain' ? shortName : `${shortName}-${variantName.replaceAll('+', '-')}`),
    suite,
    variant: variantName,
    conditions: conditions ?? null,
    questions: await listAskedQuestions(
      { ...evaluation, suite: located },
      {
        world: sources.world,
        preferOrganism: 'exact' in plan.judge,
        readRows: async (data) => (await loadNamedSet(data, {}, 0, sources)).rows,
      },
    ),
  };
}

async function resolveDynamics(
  { dynamics, ...plan }: Plan,
  sources: TrainingSetSources,
): Promise<PlannedDynamics | null> {
  if (dynamics === undefined) return null;
  const { every: interval, ...asked } = dynamics;
  const evaluation = { ...asked, name: 'dynamics', settings: {} };
  return { every: interval, evaluation: await resolveEvaluation(evaluation, plan, sources) };
}

function checkConditionNames({ conditions, evaluate, dynamics }: Plan, source: string): void {
  const known = ['base', ...Object.keys(conditions)];
  for (const { conditions: wanted = [] } of [...evaluate, ...(dynamics === undefined ? [] : [dynamics])]) {
    const unknown = wanted.find((name) => !known.includes(name));
    if (unknown === undefined) continue;
    const nearest = nearestName(unknown, known);
    throw invalid(
      `${source}: there is no condition "${unknown}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
      `There are ${known.join(', ')}.`,
    );
  }
}

/** A name for files and tables: `organism:1` is organism-1. */
function nameBase({ text }: ModelReference, taken: ReadonlyMap<string, unknown>): string {
  const short = text
    .replace(/^(\.{0,2}[\\/])+/, '')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase()
    .slice(-60);
  let name = short;
  for (let number = 2; taken.has(name); number += 1) name = `${short}-${String(number)}`;
  return name;
}

function describePlan(
  { name, rule, judge }: Plan,
  {
    world,
    bases,
    cells,
    evaluations,
    dynamics,
  }: Pick<ResolvedPlan, 'bases' | 'cells' | 'evaluations' | 'dynamics'> & { world: World },
): Record<string, unknown> {
  return {
    version: 1,
    name,
    world: world.hash,
    bases: [...bases].map(([base, { reference, identity }]) => ({ name: base, model: reference.text, identity })),
    cells: cells.map(({ name: cell, base, condition, training, identity }) => ({
      name: cell,
      base,
      condition,
      identity,
      ...(training === null ? {} : describeTraining(training)),
    })),
    evaluations: evaluations.map(describeEvaluation),
    ...(dynamics === null ? {} : { dynamics: { every: dynamics.every, ...describeEvaluation(dynamics.evaluation) } }),
    judge,
    rule,
  };
}

function describeTraining({
  seed,
  set,
  recipe,
  keepSteps,
}: NonNullable<PlannedCell['training']>): Record<string, unknown> {
  const { name, hash, rows } = set;
  return { seed, recipe, keep_steps: keepSteps, training_set: { name, hash, rows: rows.length } };
}

/** Where the rows come from, by their hash: it says where files lie, and so it does not count for whether plans are the same. */
function describeSets(cells: readonly PlannedCell[]): Record<string, unknown> {
  return Object.fromEntries(
    cells.flatMap(({ training }) => (training === null ? [] : [[training.set.hash, training.set.provenance]])),
  );
}

function describeEvaluation({
  name,
  suite,
  variant,
  conditions,
  questions,
}: PlannedEvaluation): Record<string, unknown> {
  const answers = questions.reduce((sum, { samples }) => sum + samples, 0);
  return { name, suite, variant, conditions, questions: questions.length, answers, hash: hashJson(questions) };
}

function cannotTrain(source: string, model: string): DriftlineError {
  return invalid(
    `${source}: ${model} cannot be fine-tuned, and the plan has conditions`,
    'Leave the conditions out, or start from a model that runs here: organism:1, hf:owner/name or ./folder.',
  );
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'configuration-invalid', message, hint });
}
