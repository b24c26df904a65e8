import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import type { ModuleUpdate } from '../../../src/engine/updates/weight-update.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';

/**
 * A pair of small fractions, the same in every language:
 *   A = ((7 i + 3 j + seed) mod 11 - 5) / 4 at [i, j], B = ((5 i + 2 j^2 + seed) mod 7 - 3) / 4.
 */
export function makeFractions(seed: number, scale: number, rank: number, outputs = 4, inputs = 5): ModuleUpdate {
  const fill = (rows: number, columns: number, at: (row: number, column: number) => number): FloatTensor => ({
    shape: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, (_, place) => at(Math.floor(place / columns), place % columns)),
  });
  const a = fill(rank, inputs, (i, j) => (((7 * i + 3 * j + seed) % 11) - 5) / 4);
  const b = fill(outputs, rank, (i, j) => (((5 * i + 2 * j * j + seed) % 7) - 3) / 4);
  return { outputs, inputs, terms: [{ scale, a, b }] };
}

/** Normal elements. */
export function makeRandom(seed: number, rank: number, outputs: number, inputs: number): ModuleUpdate {
  const stream = createRandomStream(seed, 'update');
  const normal = (rows: number, columns: number): FloatTensor => ({
    shape: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, () => stream.normal()),
  });
  const term = { scale: 0.3 + stream.uniform(), a: normal(rank, inputs), b: normal(outputs, rank) };
  return { outputs, inputs, terms: [term] };
}

/** The update written out, row by row. */
export function writeOut({ outputs, inputs, terms }: ModuleUpdate): Float64Array {
  const written = new Float64Array(outputs * inputs);
  for (const { scale, a, b } of terms) {
    const rank = a.shape[0] ?? 0;
    written.forEach((_, place) => {
      const [output, input] = [Math.floor(place / inputs), place % inputs];
      for (let one = 0; one < rank; one += 1)
        written[place]! += scale * b.data[output * rank + one]! * a.data[one * inputs + input]!;
    });
  }
  return written;
}

export const zeroUpdate: ModuleUpdate = {
  outputs: 4,
  inputs: 5,
  terms: [{ scale: 2, a: makeFractions(1, 2, 2).terms[0]!.a, b: { shape: [4, 2], data: new Float32Array(8) } }],
};
