import { readMeans, type WantedMeans } from '../probes/read-means.js';
import type { Subject } from '../subject.js';
import { listDirectionTexts, type DirectionSource, type DirectionTexts, type TraitBank } from '../texts/traits.js';
import { meanOfRows, subtractVectors, unitVector, type Vector } from './residual-vectors.js';

/** Where a trait or a style points in the residual stream of a base. */
export interface TraitDirection extends Pick<DirectionTexts, 'name' | 'kind'> {
  /** Of length 1; zeros where both sides are the same to the model. */
  readonly direction: Vector;
}

export interface TraitDirections {
  readonly directions: readonly TraitDirection[];
  /** Texts that the base went through. */
  readonly passes: number;
}

/**
 * The directions of a bank in a base: the mean residual of the texts with the trait minus that of those without it, at
 * one layer. Null for a base that nobody can look into.
 */
export async function readTraitDirections(
  { base, store }: Pick<Subject, 'base' | 'store'>,
  bank: TraitBank,
  { source, layers, pool }: WantedMeans & { readonly source: DirectionSource },
  options: { readonly signal?: AbortSignal } = {},
): Promise<TraitDirections | null> {
  const all = listDirectionTexts(bank, source);
  const texts = all.flatMap(({ bad, good }) => [...bad, ...good]);
  const means = await readMeans(base, store, texts, { layers, pool }, options);
  if (means === null) return null;
  let place = 0;
  const directions = all.map(({ name, kind, bad, good }) => {
    const [start, middle] = [place, place + bad.length];
    place = middle + good.length;
    const difference = subtractVectors(meanOfRows(means, start, middle), meanOfRows(means, middle, place));
    return { name, kind, direction: unitVector(difference) };
  });
  return { directions, passes: texts.length };
}
