import type { Value } from '../../graph/graph.js';
import { meanOver, multiply, reshape, rootMeanSquareNorm, sizeAt, subtract, sumOver } from '../../graph/operations.js';
import type { Tape } from '../tape.js';

/**
 * RMSNorm over the last axis: y = x r w with r = 1 / sqrt(mean(x^2) + epsilon).
 * With incoming gradient g: dx = r (g w) - x r^2 mean(g y), dw = sum over rows of g x r.
 */
export function normRows(tape: Tape, value: Value, weight: Value, epsilon: number): Value {
  const { graph } = tape;
  const { normed, inverse } = rootMeanSquareNorm(graph, value, weight, epsilon);
  tape.record([value, weight], [normed], ([gradient = null], [valueNeeded, weightNeeded]) => {
    if (gradient === null) return [null, null];
    let valueGradient: Value | null = null;
    let weightGradient: Value | null = null;
    if (valueNeeded === true) {
      const mean = meanOver(graph, multiply(graph, gradient, normed), -1);
      const coefficient = multiply(graph, multiply(graph, inverse, inverse), mean);
      const direct = multiply(graph, multiply(graph, gradient, weight), inverse);
      valueGradient = subtract(graph, direct, multiply(graph, value, coefficient));
    }
    if (weightNeeded === true) {
      const product = multiply(graph, gradient, multiply(graph, value, inverse));
      weightGradient = sumOver(graph, reshape(graph, product, ['rows', sizeAt(value, -1)]), 0, false);
    }
    return [valueGradient, weightGradient];
  });
  return normed;
}
