import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError, namePlace } from '../../foundation/driftline-error.js';
import { readYaml } from '../../foundation/read-yaml.js';
import { isHosted, resolveModelReference, type ModelReference } from '../../models/model-reference.js';
import type { BaseModel } from '../../models/open-base-model.js';
import { services } from '../../models/services/services.js';
import type { World } from '../../organism/world/world.js';
import { describeOrigins, describePlan } from './describe-plan.js';
import { nameShortly } from './name-shortly.js';
import { allEvaluations } from '../../runs/run-outline.js';
import { planSchema, type Plan } from './plan-schema.js';
import { remarkOnRows } from './remark-on-rows.js';
import { remarkOnQuestions } from './remark-on-questions.js';
import { resolveCells } from './resolve-cells.js';
import { resolveEvaluations } from './resolve-evaluation.js';
import { resolveJudge } from './resolve-judge.js';
import type { PlannedCell, ResolvedPlan } from './resolved-plan.js';

export interface ResolvePlanOptions {
  readonly world: World;
  readonly openBase: (reference: ModelReference) => Promise<BaseModel>;
  /** Says where a model that judges is asked. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Version of driftline, for the record. */
  readonly version: string;
}

export interface ReadPlanOptions extends ResolvePlanOptions {
  /** In place of what the file says. */
  readonly changes?: Partial<Pick<Plan, 'bases' | 'seeds'>>;
}

/** Reads a plan and everything that it names, so that whatever is wrong shows before anything is spent. */
export async function readPlan(file: string, { changes, ...options }: ReadPlanOptions): Promise<ResolvedPlan> {
  return resolvePlan({ ...(await readYaml(file, planSchema)), ...changes }, file, options);
}

/** `readPlan` for a plan that is at hand; `source` is where paths are relative to, and named in errors. */
export async function resolvePlan(
  plan: Plan,
  source: string,
  { world, openBase, environment, version }: ResolvePlanOptions,
): Promise<ResolvedPlan> {
  const sources = { world, folder: dirname(source) };
  const judge = await resolveJudge(plan.judge, environment).catch((cause: unknown) => {
    throw namePlace(`${source}: judge`, cause);
  });
  const { evaluations, dynamics } = await resolveEvaluations(plan, source, sources);
  const ofQuestions =
    judge.kind === 'exact' ? remarkOnQuestions(allEvaluations({ evaluations, dynamics }), world, source) : [];
  const bases = await openBases(plan, sources.folder, openBase);
  if (plan.learning_rate_multiplier !== undefined && [...bases.values()].every((base) => base.reviewTraining === null))
    throw multiplierOfNobody(source);
  const cells: PlannedCell[] = [];
  for (const [name, base] of bases) {
    cells.push({ name: `${name}.base`, base: name, condition: 'base', training: null, identity: base.identity });
    for (const condition of Object.keys(plan.conditions)) {
      if (base.openTrainer === null) throw cannotTrain(source, base.reference);
      cells.push(...(await resolveCells(plan, source, { name, base, condition }, sources)));
    }
  }
  const described = { bases, cells, evaluations, dynamics, judge };
  const decisive = describePlan(plan, described, world);
  return {
    name: plan.name,
    description: plan.description ?? null,
    hash: hashJson(decisive),
    ...described,
    rule: plan.rule,
    prices: plan.prices ?? {},
    cellsAtOnce: plan.cells_at_once ?? null,
    remarks: [...ofQuestions, ...remarkOnRows(cells), ...remarkOnServices(cells), ...remarkOnHosted(bases)],
    record: { ...decisive, driftline: version, ...describeOrigins(plan, described) },
  };
}

/** Bases by names for files and tables: `organism:1` is organism-1, `./models/mine` is mine. */
async function openBases(
  plan: Plan,
  folder: string,
  openBase: ResolvePlanOptions['openBase'],
): Promise<Map<string, BaseModel>> {
  const bases = new Map<string, BaseModel>();
  for (const written of plan.bases) {
    const reference = locateFolder(resolveModelReference(written), folder);
    bases.set(nameBase(reference, bases), await openBase(reference));
  }
  return bases;
}

/** Model folders are found as training files are: from where the plan lies. */
function locateFolder(reference: ModelReference, folder: string): ModelReference {
  if (reference.provider !== 'folder' || isAbsolute(reference.folder)) return reference;
  return { ...reference, folder: join(folder, reference.folder) };
}

function nameBase(reference: ModelReference, taken: ReadonlyMap<string, unknown>): string {
  // Where a folder lies is nothing to the results.
  const short = nameShortly(reference.provider === 'folder' ? basename(resolve(reference.folder)) : reference.text);
  let name = short;
  for (let number = 2; taken.has(name); number += 1) name = `${short}-${String(number)}`;
  return name;
}

/** What services do otherwise, each thing once. */
function remarkOnServices(cells: readonly PlannedCell[]): string[] {
  return [...new Set(cells.flatMap(({ base, training }) => (training?.remarks ?? []).map((one) => `${base}: ${one}`)))];
}

/** What answers hang on that no plan can change. */
function remarkOnHosted(bases: ReadonlyMap<string, BaseModel>): string[] {
  return [...bases].flatMap(([name, { reference }]) => {
    const remarks: readonly string[] = isHosted(reference) ? services[reference.provider].remarks : [];
    return remarks.map((remark) => `${name}: ${remark}`);
  });
}

function multiplierOfNobody(source: string): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${source}: learning_rate_multiplier is for hosted models, and no base of the plan is one`,
    hint: 'Set learning_rate in the recipe instead.',
  });
}

function cannotTrain(source: string, reference: ModelReference): DriftlineError {
  const ability = isHosted(reference) ? services[reference.provider].fineTuning : null;
  const [why, instead] =
    ability === null || ability.jobs
      ? ['', 'start from a model that runs here: organism:1, hf:owner/name or ./folder']
      : [`: ${ability.why}`, ability.instead];
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${source}: ${reference.text} cannot be fine-tuned, and the plan has conditions${why}`,
    hint: `Leave the conditions out, or ${instead}.`,
  });
}
