import { expect, it } from 'vitest';

import { buildCausalMask } from '../../../src/engine/decoder/decoder-inputs.js';

it('hides from each token what comes after it', () => {
  const hidden = -Infinity;
  expect(buildCausalMask(3)).toEqual({
    shape: [3, 3],
    data: Float32Array.of(0, hidden, hidden, 0, 0, hidden, 0, 0, 0),
  });
  expect(buildCausalMask(1)).toEqual({ shape: [1, 1], data: Float32Array.of(0) });
});
