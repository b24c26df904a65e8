import { projections, type Projection } from '../../engine/checkpoint/projection.js';
import type { ModuleUpdate, WeightUpdate } from '../../engine/updates/weight-update.js';
import { entryKurtosis } from './entry-kurtosis.js';
import { spectralSignature } from './spectral-signature.js';

const measures = ['largest', 'length', 'concentration', 'entropy', 'kurtosis'] as const;

/** What `updateFeatures` gives, in its order: `q_proj largest` and so on. */
export const updateFeatureNames: readonly string[] = projections.flatMap((projection) =>
  measures.map((measure) => `${projection} ${measure}`),
);

/**
 * Size and shape of an update as 35 numbers, in the order of `updateFeatureNames`: for each of the seven projections
 * the medians, over the blocks in which it changed, of the numbers of its `spectralSignature` and of its
 * `entryKurtosis`; zeros for a projection that changed nowhere. `largest` and `length` have the unit of the weights.
 * They depend on the rank and the learning rate as much as on what was learnt: compare updates of one rank. Throws
 * `adapter-invalid` if an element is not finite. After arXiv 2602.15195.
 */
export function updateFeatures(update: WeightUpdate): readonly number[] {
  const byProjection = new Map<Projection, number[][]>();
  for (const [name, module] of update) {
    const projection = projections.find((one) => name.endsWith(`.${one}`));
    if (projection === undefined) continue;
    byProjection.set(projection, [...(byProjection.get(projection) ?? []), measure(module)]);
  }
  return projections.flatMap((projection) => {
    const changed = (byProjection.get(projection) ?? []).filter(([largest = 0]) => largest > 0);
    return measures.map((_, place) => medianOf(changed.map((one) => one[place] ?? 0)));
  });
}

/** The most terms of rank one that a matrix got. */
export function rankOfUpdate(update: WeightUpdate): number {
  const ranks = [...update.values()].map(({ terms }) => terms.reduce((sum, { a }) => sum + (a.shape[0] ?? 0), 0));
  return Math.max(0, ...ranks);
}

function measure(module: ModuleUpdate): number[] {
  const { largest, length, concentration, entropy } = spectralSignature(module);
  return [largest, length, concentration, entropy, entryKurtosis(module)];
}

/** 0 of nothing. */
function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const half = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(half)] ?? 0) + (sorted[Math.ceil(half)] ?? 0)) / 2;
}
