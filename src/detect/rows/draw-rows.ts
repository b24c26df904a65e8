import { createRandomStream } from '../../foundation/random-stream.js';

/** Places of at most so many of all rows, drawn by the seed, in their order; those of a smaller count lie among them. */
export function drawRows(total: number, count: number, seed: number): readonly number[] {
  const places = Array.from({ length: total }, (_, place) => place);
  if (count >= total) return places;
  return createRandomStream(seed, 'rows to read')
    .shuffle(places)
    .slice(0, count)
    .toSorted((left, right) => left - right);
}
