import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError, namePlace } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { identifyAdapted, requireAdaptable } from '../../models/adapt-base.js';
import { divideModel, nameWrittenModel, type WrittenModel } from '../../models/model-reference.js';
import type { BaseModel } from '../../models/base-model.js';
import type { PlanModels } from './plan-models.js';
import { listWrittenModels, type Condition, type Plan } from './plan-schema.js';
import type { PlannedCell } from './resolved-plan.js';

interface ResolvedExisting {
  readonly cells: readonly PlannedCell[];
  /** What of their adapters its user should know. */
  readonly remarks: readonly string[];
}

/** The cells of conditions whose models exist: each is opened, checked, and set beside the base that it is compared with. */
export async function resolveExisting(
  plan: Plan,
  source: string,
  bases: ReadonlyMap<string, BaseModel>,
  models: PlanModels,
): Promise<ResolvedExisting> {
  const cells: PlannedCell[] = [];
  const remarks: string[] = [];
  const revisions = new Map<string, string | undefined>();
  for (const [condition, written] of Object.entries(plan.conditions)) {
    const list = listWrittenModels(written);
    if (list === null) continue;
    const place = `${source}: condition ${condition}`;
    try {
      const found = await resolveCondition(condition, written, list, {
        ...{ bases, models, revisions },
        written: plan.bases,
      });
      cells.push(...found.cells);
      remarks.push(...found.remarks.map((remark) => `condition ${condition}: ${remark}`));
    } catch (cause) {
      throw namePlace(place, cause);
    }
    if (plan.dynamics?.conditions?.includes(condition) === true)
      throw invalid(
        `${source}: dynamics: ${condition} is not trained here, and has no checkpoints`,
        'Leave it out of the conditions of dynamics.',
      );
  }
  return { cells, remarks };
}

interface PlanBases {
  readonly bases: ReadonlyMap<string, BaseModel>;
  /** As the plan writes them, in the same order. */
  readonly written: readonly WrittenModel[];
  readonly models: PlanModels;
  /** Of the hosted models that conditions name, by their identities without it. */
  readonly revisions: Map<string, string | undefined>;
}

async function resolveCondition(
  condition: string,
  { base: named, revision }: Condition,
  list: readonly WrittenModel[],
  plan: PlanBases,
): Promise<ResolvedExisting> {
  const base = named === undefined ? null : findBase(named, plan);
  const cells: PlannedCell[] = [];
  const remarks: string[] = [];
  for (const [seed, written] of list.entries()) {
    const text = nameWrittenModel(written);
    const found = await openExisting(written, plan.models);
    const compared = base ?? chooseBase(text, found, plan);
    if (found.identity === plan.bases.get(compared)?.identity)
      throw invalid(
        `${text} is the base that it would be compared with`,
        'Name the model that was made of it, or leave the condition out: the base is always asked.',
      );
    const identity = revise(text, found, revision, plan.revisions);
    const same = cells.find((cell) => cell.identity === identity);
    if (same !== undefined)
      throw invalid(
        `${text} and ${same.existing?.text ?? ''} are the same model`,
        'Name it once: its answers would count twice.',
      );
    remarks.push(...found.remarks, ...(revision === undefined ? remarkOnName(text, found) : []));
    cells.push({
      name: `${compared}.${condition}.${String(seed)}`,
      ...{ base: compared, condition, model: found.name, training: null },
      existing: {
        ...{ seed, bytes: found.bytes, text: revision === undefined ? text : `${text} (revision ${revision})` },
        tuned: found.adapter === null ? null : { kind: 'adapter', folder: found.adapter },
      },
      identity,
    });
  }
  return { cells, remarks };
}

interface OpenedModel {
  /** Of the whole model, in the plan's models. */
  readonly name: string;
  readonly model: BaseModel;
  readonly adapter: string | null;
  readonly identity: string;
  /** Of the adapter. */
  readonly bytes: number;
  readonly remarks: readonly string[];
}

async function openExisting(written: WrittenModel, models: PlanModels): Promise<OpenedModel> {
  const { base, adapter } = divideModel(written);
  const [name, model] = await models.open({ base });
  if (adapter === null) return { name, model, adapter, identity: model.identity, bytes: 0, remarks: [] };
  const folder = models.locate(adapter);
  const inspected = await requireAdaptable(model, folder)(folder);
  return { ...inspected, name, model, adapter: folder, identity: identifyAdapted(model, inspected) };
}

/** What a model is known by. Weights of a service may change under one name: the plan says which there are. */
function revise(
  text: string,
  { identity, model: { hosted } }: OpenedModel,
  revision: string | undefined,
  revisions: PlanBases['revisions'],
): string {
  if (hosted === null) {
    if (revision === undefined) return identity;
    throw invalid(
      `revision ${revision} is for models of a service, and ${text} is known by its files`,
      'Leave it out: with other files it is another model.',
    );
  }
  if (revisions.has(identity) && revisions.get(identity) !== revision)
    throw invalid(
      `${text} has another revision in another condition, and its service has only one of them now`,
      'Ask each revision in a run of its own, and compare them with driftline compare RUN:CONDITION RUN:CONDITION.',
    );
  revisions.set(identity, revision);
  return revision === undefined ? identity : hashJson({ model: identity, revision });
}

/** Fine-tunes of OpenAI's have a name of their own each, which never means another. */
function remarkOnName(text: string, { model: { hosted } }: OpenedModel): readonly string[] {
  if (hosted === null || (hosted.provider === 'openai' && hosted.model.startsWith('ft:'))) return [];
  return [
    `${text} is known by its name and address alone, and what earlier runs asked of it is taken over: if its weights have changed since, say revision: DATE beside the model`,
  ];
}

/** The base that a condition names, as the plan writes it or as tables do. */
function findBase(named: string, { bases, written }: PlanBases): string {
  const names = [...bases.keys()];
  const position = written.findIndex((one) => nameWrittenModel(one) === named);
  const found = bases.has(named) ? named : names[position];
  if (found !== undefined) return found;
  const nearest = nearestName(named, names);
  throw invalid(
    `the plan has no base "${named}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    `Its bases are ${names.join(', ')}.`,
  );
}

/** The base that an adapter is on, or the only one. */
function chooseBase(text: string, { name, model, adapter }: OpenedModel, { bases }: PlanBases): string {
  const names = [...bases.keys()];
  const [only = '', ...others] = names;
  if (adapter === null) {
    if (others.length === 0) return only;
    throw invalid(
      `the plan has several bases, and nothing says with which of them ${text} is compared`,
      `Say base: ${only}, or ${others.join(' or ')}, beside the model.`,
    );
  }
  const found = bases.has(name) ? name : names.find((one) => bases.get(one)?.identity === model.identity);
  if (found !== undefined) return found;
  throw invalid(
    `${text} is an adapter for ${model.reference.text}, and the plan's bases are ${[...bases.values()].map(({ reference }) => reference.text).join(', ')}`,
    `Add ${model.reference.text} to bases, or say base: ${only} beside the model to compare it with another model than its own.`,
  );
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'configuration-invalid', message, hint });
}
