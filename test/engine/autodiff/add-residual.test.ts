import { describe, it } from 'vitest';

import { addResidual } from '../../../src/engine/autodiff/operators/add-residual.js';
import { checkGradient, fixed, watched } from './check-gradient.js';

describe('addResidual', () => {
  it('passes the gradient to both sides', async () => {
    await checkGradient({
      inputs: { left: watched([3, 4], ['tokens', 4]), right: watched([3, 4], ['tokens', 4]) },
      build: (tape, { left, right }) => addResidual(tape, left, right),
    });
  });

  it('where only one side is watched', async () => {
    await checkGradient({
      inputs: { left: fixed([3, 4]), right: watched([3, 4]) },
      build: (tape, { left, right }) => addResidual(tape, left, right),
    });
  });
});
