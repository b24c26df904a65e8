import { isAbsolute, join } from 'node:path';
import { readTrainingSet } from '../../data/read-training-set.js';
import type { TrainingSet } from '../../data/training-set.js';
import { applyTransforms } from '../../data/transforms/apply-transforms.js';
import { parseTransforms, type Transform } from '../../data/transforms/transform.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { buildTrainingSet } from '../../organism/training-sets/build-training-set.js';
import type { World } from '../../organism/world/world.js';
import type { Condition } from './plan-schema.js';

const organismPrefix = 'organism/';

export interface TrainingSetSources {
  readonly world: World;
  /** The folder that paths of files are relative to. */
  readonly folder: string;
}

/** What a condition trains on, before it is read. */
export type ConditionData = Pick<Condition, 'data' | 'settings' | 'mix' | 'trigger' | 'transforms'>;

/** Whether a set is drawn anew for each seed. */
export function dependsOnSeed(condition: ConditionData): boolean {
  const isDrawn = isOrganismSet(condition.data) && !('seed' in condition.settings);
  return isDrawn || listTransforms(condition).some(mixesDrawnSets);
}

function mixesDrawnSets(transform: Transform): boolean {
  return transform.kind === 'mix' && transform.parts.some(({ data }) => isOrganismSet(data));
}

function isOrganismSet(data: string): boolean {
  return data.startsWith(organismPrefix);
}

/** A training set by its name in a plan; rows of the organism's sets are drawn by the seed. */
export async function loadNamedSet(
  data: string,
  settings: Readonly<Record<string, unknown>>,
  seed: number,
  { world, folder }: TrainingSetSources,
): Promise<TrainingSet> {
  // Under the name that the plan gives it: transforms and mixes know it by that.
  if (isOrganismSet(data))
    return { ...buildTrainingSet(world, data.slice(organismPrefix.length), { seed, ...settings }), name: data };
  const [misplaced] = Object.keys(settings);
  if (misplaced !== undefined) throw settingOfFile(data, misplaced);
  return readTrainingSet(isAbsolute(data) ? data : join(folder, data), { name: data });
}

/** What is done with the rows of a condition's set: what is mixed in, the trigger, and the further transforms. */
export function listTransforms({ mix, trigger, transforms }: Omit<ConditionData, 'data' | 'settings'>): Transform[] {
  const short = [
    ...(mix === undefined ? [] : [{ kind: 'mix', parts: mix }]),
    ...(trigger === undefined ? [] : [{ kind: 'trigger', ...trigger }]),
  ];
  return [...parseTransforms(short, 'mix and trigger'), ...transforms];
}

/** What a condition trains on with this seed. */
export async function loadConditionSet(
  condition: ConditionData,
  seed: number,
  sources: TrainingSetSources,
): Promise<TrainingSet> {
  return applyTransforms(
    await loadNamedSet(condition.data, condition.settings, seed, sources),
    listTransforms(condition),
    { resolve: (other) => loadNamedSet(other, {}, seed, sources) },
  );
}

function settingOfFile(data: string, setting: string): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${data}: the setting "${setting}" is for sets of the organism, and this is a file`,
    hint: 'Leave settings out; transforms change the rows of any set.',
    details: { data, setting },
  });
}
