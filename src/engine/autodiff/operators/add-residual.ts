import type { Value } from '../../graph/graph.js';
import { add } from '../../graph/operations.js';
import type { Tape } from '../tape.js';

/** left + right, of one shape. Both gradients are the incoming one. */
export function addResidual(tape: Tape, left: Value, right: Value): Value {
  const output = add(tape.graph, left, right);
  tape.record([left, right], [output], ([gradient = null]) => [gradient, gradient]);
  return output;
}
