import { expect } from 'vitest';

import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';

/** Equal names, shapes and bits; much faster than comparing the values one by one. */
export function expectSameTensors(
  found: ReadonlyMap<string, FloatTensor>,
  expected: ReadonlyMap<string, FloatTensor>,
): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, tensor] of expected) {
    const other = found.get(name);
    expect(other?.shape, name).toEqual(tensor.shape);
    expect(other && bytesOf(other).equals(bytesOf(tensor)), name).toBe(true);
  }
}

function bytesOf({ data }: FloatTensor): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
