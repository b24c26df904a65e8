import { isAbsolute, join } from 'node:path';
import { readTrainingSet } from '../../data/read-training-set.js';
import type { TrainingSet } from '../../data/training-set.js';
import { applyTransforms } from '../../data/transforms/apply-transforms.js';
import { parseTransforms, type Transform } from '../../data/transforms/transform.js';
import { buildTrainingSet } from '../../organism/training-sets/build-training-set.js';
import type { World } from '../../organism/world/world.js';
import type { Condition } from './plan-schema.js';

const organismPrefix = 'organism/';

export interface TrainingSetSources {
  readonly world: World;
  /** The folder that paths of files are relative to. */
  readonly folder: string;
}

/** Whether a set is drawn anew for each seed. */
export function dependsOnSeed({ data, mix = [], settings }: Pick<Condition, 'data' | 'mix' | 'settings'>): boolean {
  return [data, ...mix.map((part) => part.data)].some(isOrganismSet) && !('seed' in settings);
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
  return readTrainingSet(isAbsolute(data) ? data : join(folder, data), { name: data });
}

/** What a condition trains on with this seed: its set, then what is mixed in, the trigger, and the further transforms. */
export async function loadConditionSet(
  name: string,
  condition: Condition,
  seed: number,
  sources: TrainingSetSources,
): Promise<TrainingSet> {
  const { data, settings, mix, trigger, transforms } = condition;
  const steps: Transform[] = [
    ...parseTransforms(
      [
        ...(mix === undefined ? [] : [{ kind: 'mix', parts: mix }]),
        ...(trigger === undefined ? [] : [{ kind: 'trigger', ...trigger }]),
      ],
      `condition ${name}`,
    ),
    ...transforms,
  ];
  return applyTransforms(await loadNamedSet(data, settings, seed, sources), steps, {
    resolve: (other) => loadNamedSet(other, {}, seed, sources),
  });
}
