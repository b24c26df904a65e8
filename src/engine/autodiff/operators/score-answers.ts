import type { Graph, Value } from '../../graph/graph.js';
import {
  add,
  exponential,
  gatherRows,
  logSoftmax,
  matrixProduct,
  multiply,
  negate,
  pickFromRows,
  scatterAddDistinctRows,
  scatterAddRows,
  shapeOf,
  softmax,
  subtract,
  sumAll,
  sumOver,
  transpose,
  zeros,
} from '../../graph/operations.js';
import type { Tape } from '../tape.js';

/** The positions that a loss scores: distinct rows of the token axis [positions], and their weights [positions, 1]. */
export interface ScoredPositions {
  readonly rows: Value;
  readonly weights: Value;
}

/**
 * Weighted cross entropy of the next token: sum over scored positions of -w log softmax(h E^T)[label].
 * hidden [tokens, width], head E [vocabulary, width], labels [positions] -> [1].
 *
 * Only scored positions reach the head. Its gradient needs no one-hot matrix: with P the probabilities,
 *   dh = w (P E - E[label]),  dE = P^T (w h) - scatter(w h at label).
 * A probability below 1e-37 counts as 1e-37: the loss of one token saturates at 85 nats, its gradient is exact.
 */
export function scoreAnswers(
  tape: Tape,
  hidden: Value,
  head: Value,
  labels: Value,
  { rows, weights }: ScoredPositions,
): Value {
  const { graph } = tape;
  const { scored, probabilities, surprisal } = scorePositions(graph, hidden, head, labels, rows);
  const loss = sumAll(graph, multiply(graph, surprisal, weights));

  tape.record([hidden, head], [loss], ([gradient = null], [hiddenNeeded, headNeeded]) => {
    if (gradient === null) return [null, null];
    const seeded = multiply(graph, weights, gradient);
    let hiddenGradient: Value | null = null;
    let headGradient: Value | null = null;
    if (hiddenNeeded === true) {
      const expected = matrixProduct(graph, probabilities, head);
      const difference = subtract(graph, expected, gatherRows(graph, head, labels));
      hiddenGradient = spread(tape, hidden, rows, multiply(graph, difference, seeded));
    }
    if (headNeeded === true) {
      const weighted = multiply(graph, scored, seeded);
      const expected = productOverRows(graph, probabilities, weighted);
      headGradient = scatterAddRows(graph, expected, labels, negate(graph, weighted));
    }
    return [hiddenGradient, headGradient];
  });
  return loss;
}

/** -log softmax(h E^T)[label] at each scored position, [positions, 1] in nats, at most 85. Nothing is recorded: there is no way back. */
export function surprisalOfLabels(
  graph: Graph,
  hidden: Value,
  head: Value,
  labels: Value,
  { rows }: Pick<ScoredPositions, 'rows'>,
): Value {
  return scorePositions(graph, hidden, head, labels, rows).surprisal;
}

function scorePositions(graph: Graph, hidden: Value, head: Value, labels: Value, rows: Value) {
  const scored = gatherRows(graph, hidden, rows);
  const probabilities = softmax(graph, matrixProduct(graph, scored, head, { transposeRight: true }));
  const picked = pickFromRows(graph, probabilities, labels);
  const surprisal = negate(
    graph,
    graph.node('Log', [add(graph, picked, graph.floats([1e-37]))], { shape: picked.shape }),
  );
  return { scored, probabilities, surprisal };
}

/**
 * Weighted divergence from a fixed reference: sum over scored positions of w KL(reference || tuned), in nats -> [1].
 * Both hidden states [tokens, width] go through their own head. With P the tuned and R the reference probabilities,
 *   dh = w (P - R) E,  dE = (P - R)^T (w h).
 */
export function scoreDivergence(
  tape: Tape,
  tuned: { readonly hidden: Value; readonly head: Value },
  reference: { readonly hidden: Value; readonly head: Value },
  { rows, weights }: ScoredPositions,
): Value {
  const { graph } = tape;
  const scored = gatherRows(graph, tuned.hidden, rows);
  const logTuned = logSoftmax(graph, matrixProduct(graph, scored, tuned.head, { transposeRight: true }));
  const referenceScored = gatherRows(graph, reference.hidden, rows);
  const logReference = logSoftmax(
    graph,
    matrixProduct(graph, referenceScored, reference.head, { transposeRight: true }),
  );
  const referenceProbabilities = exponential(graph, logReference);
  const terms = multiply(graph, referenceProbabilities, subtract(graph, logReference, logTuned));
  const loss = sumAll(graph, multiply(graph, sumOver(graph, terms, -1), weights));

  tape.record([tuned.hidden, tuned.head], [loss], ([gradient = null], [hiddenNeeded, headNeeded]) => {
    if (gradient === null) return [null, null];
    const seeded = multiply(graph, weights, gradient);
    const excess = subtract(graph, exponential(graph, logTuned), referenceProbabilities);
    return [
      hiddenNeeded === true
        ? spread(tape, tuned.hidden, rows, multiply(graph, matrixProduct(graph, excess, tuned.head), seeded))
        : null,
      headNeeded === true ? productOverRows(graph, excess, multiply(graph, scored, seeded)) : null,
    ];
  });
  return loss;
}

/** wide^T narrow, as the transpose of narrow^T wide: the runtime is slow when it has to transpose the larger matrix. */
function productOverRows(graph: Graph, wide: Value, narrow: Value): Value {
  const swapped = matrixProduct(graph, transpose(graph, narrow, [1, 0]), wide);
  return transpose(graph, swapped, [1, 0]);
}

/** Puts the rows of a gradient back at their places among all tokens, with zeros elsewhere. */
function spread({ graph }: Tape, like: Value, rows: Value, gradient: Value): Value {
  return scatterAddDistinctRows(graph, zeros(graph, shapeOf(graph, like), like.shape), rows, gradient);
}
