import type { FloatTensor } from '../checkpoint/float-tensor.js';

/** 0 where a query may look, -infinity for what comes after it: [length, length]. */
export function buildCausalMask(length: number): FloatTensor {
  const data = new Float32Array(length * length);
  for (let query = 0; query < length; query += 1)
    data.fill(-Infinity, query * length + query + 1, (query + 1) * length);
  return { shape: [length, length], data };
}
