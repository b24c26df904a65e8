import { readYaml } from '../../foundation/read-yaml.js';
import type { ClusterSettings } from '../../models/cluster/cluster-settings.js';
import { divideModel } from '../../models/model-reference.js';
import { planSchema } from './plan-schema.js';

/** What a plan says of its cluster. */
export interface PlanCluster {
  readonly name: string;
  /** Null for a plan without one. */
  readonly cluster: ClusterSettings | null;
  /** Models that the nodes must have, as the plan calls them, without adapters. */
  readonly models: readonly string[];
  /** Whether a recipe holds its base in 4 bits. */
  readonly quantizes: boolean;
}

/** Reads what a plan's file says of its cluster, and opens nothing that it names. */
export async function readPlanCluster(file: string): Promise<PlanCluster> {
  const { name, cluster, bases, recipe, conditions } = await readYaml(file, planSchema, 'docs/experiments.md');
  const recipes = [recipe, ...Object.values(conditions).map(({ inherit }) => inherit)];
  return {
    name,
    cluster: cluster ?? null,
    models: [...new Set(bases.map((base) => divideModel(base).base))],
    quantizes: recipes.some((one) => typeof one === 'object' && one['quantization'] !== undefined),
  };
}
