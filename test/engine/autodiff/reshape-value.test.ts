import { describe, it } from 'vitest';

import { addResidual } from '../../../src/engine/autodiff/operators/add-residual.js';
import { reshapeValue } from '../../../src/engine/autodiff/operators/reshape-value.js';
import { checkGradient, watched } from './check-gradient.js';

describe('reshapeValue', () => {
  it('into a shape that is known but for one size', async () => {
    await checkGradient({
      inputs: { value: watched([2, 3, 4], ['batch', 'length', 4]) },
      build: (tape, { value }) => reshapeValue(tape, value, ['tokens', 4], tape.graph.integerList([-1, 4])),
    });
  });

  it('into a shape that the run computes, and on', async () => {
    await checkGradient({
      inputs: { value: watched([6, 4], ['tokens', 4]), heads: watched([2, 3, 2, 2], ['batch', 'length', 2, 2]) },
      build: (tape, { value, heads }) => {
        const split = reshapeValue(tape, value, heads.shape, tape.graph.integerList([2, 3, 2, 2]));
        return reshapeValue(tape, addResidual(tape, split, heads), ['tokens', 4], tape.graph.integerList([-1, 4]));
      },
    });
  });

  it('into a declared shape alone', async () => {
    await checkGradient({
      inputs: { value: watched([3, 4]) },
      build: (tape, { value }) => reshapeValue(tape, value, [3, 2, 2]),
    });
  });
});
