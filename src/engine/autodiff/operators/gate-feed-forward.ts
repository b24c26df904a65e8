import type { Value } from '../../graph/graph.js';
import { add, multiply, sigmoid, silu, subtract } from '../../graph/operations.js';
import type { Tape } from '../tape.js';

/**
 * SwiGLU's elementwise part: silu(gate) * up, with silu(x) = x s(x) and s the logistic function.
 * silu'(x) = s + silu (1 - s). The backward pass recomputes s instead of keeping it: one pass over the data is cheaper
 * than the memory.
 */
export function gateFeedForward(tape: Tape, gate: Value, up: Value): Value {
  const { graph } = tape;
  const output = multiply(graph, silu(graph, gate), up);
  tape.record([gate, up], [output], ([gradient = null]) => {
    if (gradient === null) return [null, null];
    const logistic = sigmoid(graph, gate);
    const activated = multiply(graph, gate, logistic);
    const slope = add(graph, subtract(graph, logistic, multiply(graph, activated, logistic)), activated);
    return [multiply(graph, multiply(graph, gradient, up), slope), multiply(graph, gradient, activated)];
  });
  return output;
}
