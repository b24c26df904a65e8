import { DriftlineError } from '../foundation/driftline-error.js';
import { nearestName } from '../foundation/find-by-name.js';
import type { RunManifest } from '../runs/run-manifest.js';
import { baseCondition, type OutlinedCell } from '../runs/run-outline.js';
import { groupByCondition } from './count-run.js';

/** A condition's models on one base, or the base itself: what is compared with another. */
export interface SelectedModel {
  readonly base: string;
  readonly condition: string;
}

/** Finds what is named of a run: a condition, `BASE.CONDITION` where it is there on several bases, or a base by its own name. */
export function selectModel(
  { folder, cells }: { readonly folder: string; readonly cells: readonly OutlinedCell[] },
  name: string,
): SelectedModel {
  const groups = groupByCondition(cells).map(({ base, condition }) => ({ base, condition }));
  const found = groups.filter(
    ({ base, condition }) =>
      condition === name || `${base}.${condition}` === name || (condition === baseCondition && base === name),
  );
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  if (only !== undefined)
    throw refuse(
      `${folder} has ${name} on several bases`,
      `Say which: ${found.map(({ base }) => (name === baseCondition ? base : `${base}.${name}`)).join(' or ')}.`,
    );
  const known = [...new Set(groups.map(({ condition }) => condition))];
  const nearest = nearestName(name, known);
  throw refuse(
    `${folder} has no condition "${name}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    `It has ${known.join(', ')}.`,
  );
}

/** What of a plan concerns one of its models, called the same whatever the model is called. */
export function narrowPlan(manifest: RunManifest, { base, condition }: SelectedModel): object {
  const { world, bases, cells, evaluations, judge, rule, models } = manifest;
  const own = cells.filter((cell) => cell.base === base && cell.condition === condition);
  return {
    ...{ world, judge, rule },
    base: bases.find(({ name }) => name === base),
    model: own.map(({ name, seed, recipe, training_set: set }) => ({
      name: `seed ${String(seed ?? 0)}`,
      ...{ recipe, training_set: set },
      reference: condition === baseCondition ? undefined : models[name],
    })),
    evaluations: evaluations.filter(({ conditions }) => conditions?.includes(condition) ?? true),
  };
}

function refuse(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
