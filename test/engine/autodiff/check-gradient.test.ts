import { describe, expect, it } from 'vitest';

import type { Tape } from '../../../src/engine/autodiff/tape.js';
import type { Value } from '../../../src/engine/graph/graph.js';
import { matrixProduct, multiply, scale } from '../../../src/engine/graph/operations.js';
import { checkGradient, fixed, watched } from './check-gradient.js';

type Factors = readonly [left: Value, right: Value];

/** left * right, with whatever a test claims its gradients to be. */
function multiplyClaiming(
  claim: (tape: Tape, gradient: Value, factors: Factors) => readonly [Value | null, Value | null],
) {
  return (tape: Tape, { left, right }: { readonly left: Value; readonly right: Value }): Value => {
    const output = multiply(tape.graph, left, right);
    tape.record([left, right], [output], ([gradient = null]) =>
      gradient ? claim(tape, gradient, [left, right]) : [null, null],
    );
    return output;
  };
}

const inputs = { left: watched([3, 4]), right: watched([3, 4]) };

describe('checkGradient', () => {
  it('accepts a true gradient', async () => {
    const build = multiplyClaiming(({ graph }, gradient, [left, right]) => [
      multiply(graph, gradient, right),
      multiply(graph, gradient, left),
    ]);
    await checkGradient({ inputs, build });
  });

  it('refuses a gradient that is one percent too large', async () => {
    const build = multiplyClaiming(({ graph }, gradient, [left, right]) => [
      multiply(graph, gradient, right),
      scale(graph, multiply(graph, gradient, left), 1.01),
    ]);
    await expect(checkGradient({ inputs, build })).rejects.toThrow(/^right, /);
  });

  it('refuses a gradient of the wrong sign', async () => {
    const build = multiplyClaiming(({ graph }, gradient, [left, right]) => [
      scale(graph, multiply(graph, gradient, right), -1),
      multiply(graph, gradient, left),
    ]);
    await expect(checkGradient({ inputs, build })).rejects.toThrow(/^left, /);
  });

  it('refuses a gradient that forgot the incoming one', async () => {
    const build = multiplyClaiming(({ graph }, gradient, [left, right]) => [
      multiply(graph, gradient, right),
      scale(graph, left, 1),
    ]);
    await expect(checkGradient({ inputs, build })).rejects.toThrow(/^right, /);
  });

  it('refuses a missing gradient', async () => {
    const build = multiplyClaiming(({ graph }, gradient, [, right]) => [multiply(graph, gradient, right), null]);
    await expect(checkGradient({ inputs, build })).rejects.toThrow('no gradient for right');
  });

  it('refuses a gradient of another shape', async () => {
    const build = (tape: Tape, { vector, matrix }: { readonly vector: Value; readonly matrix: Value }): Value => {
      const output = matrixProduct(tape.graph, vector, matrix);
      tape.record([vector, matrix], [output], ([gradient = null]) => [null, gradient]);
      return output;
    };
    await expect(checkGradient({ inputs: { vector: fixed([1, 3]), matrix: watched([3, 2]) }, build })).rejects.toThrow(
      'shape of the gradient of matrix',
    );
  });
});
