import type { WeightedRow } from '../../../src/engine/train/token-batch.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { tinyConfig } from '../decoder/tiny-model.js';

/** Rows of 4 to 15 random tokens, the second half of each supervised. */
export function makeRows(count: number, seed = 0): WeightedRow[] {
  const stream = createRandomStream(seed, 'rows');
  return Array.from({ length: count }, () => {
    const length = 4 + stream.integer(12);
    const ids = Array.from({ length }, () => 3 + stream.integer(tinyConfig.vocabulary - 3));
    return { ids, weights: ids.map((_, position) => Number(position >= length / 2)) };
  });
}
