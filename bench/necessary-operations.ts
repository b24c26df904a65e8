import type { BenchShape } from './bench-shape.js';

/**
 * Floating-point operations that a training step cannot do without (a multiplication and an addition count as two), on
 * `batch` rows of `length` tokens with a loss on every token but each row's first:
 *
 * - linear maps: 2 a weight and token forwards, 2 more for the gradient of the input, 2 more for that of the weight in
 *   full training; the inputs of the first block's q, k and v need no gradient when the embedding is not trained;
 * - the head, the same at the positions that are scored;
 * - attention: 2 products forwards and 4 backwards over the lower triangle of the scores;
 * - LoRA: u = x A^T, t = g B, and the gradients of A and of B.
 *
 * Softmax, norms, the optimizer, padding, and anything computed twice count as nothing.
 */
export function necessaryOperations(shape: BenchShape, task: 'lora-step' | 'full-step'): number {
  const { layers, width, heads, keyValueHeads, headWidth, feedForward, vocabulary, rank, batch, length } = shape;
  const tokens = batch * length;
  const scored = batch * (length - 1);
  const queries = heads * headWidth;
  const keys = keyValueHeads * headWidth;
  const matrices: (readonly [number, number])[] = [
    [width, queries],
    [width, keys],
    [width, keys],
    [queries, width],
    [width, feedForward],
    [width, feedForward],
    [feedForward, width],
  ];
  const weights = layers * matrices.reduce((sum, [inputs, outputs]) => sum + inputs * outputs, 0);
  const attention = layers * 2 * (2 * batch * heads * headWidth * ((length * (length + 1)) / 2));
  const head = vocabulary * width;
  const forward = 2 * tokens * weights + 2 * scored * head + attention;
  const inputGradients = 2 * tokens * weights + 2 * scored * head + 2 * attention;
  if (task === 'full-step') return forward + inputGradients + 2 * tokens * weights + 2 * scored * head;
  const notNeeded = 2 * tokens * width * (queries + 2 * keys);
  const lowRank = layers * matrices.reduce((sum, [inputs, outputs]) => sum + 4 * tokens * rank * (inputs + outputs), 0);
  return forward + inputGradients - notNeeded + lowRank;
}
