import type { Graph, Value } from '../graph/graph.js';
import { add, multiply, pickFromRows, reshape, sizeAt, softmax, sumOver } from '../graph/operations.js';

const blockWidth = 64;

/**
 * Draws one token a row by inverting the distribution function, inside the graph, so that no logits leave it:
 * logits [rows, vocabulary], inverse temperature [rows, 1], uniform [rows, 1] in [0, 1), row numbers [rows] -> [rows].
 * The sums are taken over blocks of 64 first; only the block that holds the answer is searched.
 */
export function chooseToken(
  graph: Graph,
  logits: Value,
  inputs: { readonly inverseTemperature: Value; readonly uniform: Value; readonly rowNumbers: Value },
): Value {
  const rows = sizeAt(logits, 0);
  const vocabulary = Number(sizeAt(logits, 1));
  const blocks = Math.ceil(vocabulary / blockWidth);
  let probabilities = softmax(graph, multiply(graph, logits, inputs.inverseTemperature));
  if (vocabulary % blockWidth !== 0) {
    const padding = graph.integerList([0, 0, 0, blocks * blockWidth - vocabulary]);
    probabilities = graph.node('Pad', [probabilities, padding], { shape: [rows, blocks * blockWidth] });
  }
  const byBlock = reshape(graph, probabilities, [rows, blocks, blockWidth]);
  const sums = sumOver(graph, byBlock, 2, false);
  const cumulative = cumulate(graph, sums);
  const total = graph.node('Gather', [cumulative, graph.integerList([blocks - 1])], { shape: [rows, 1] }, { axis: 1 });
  const threshold = multiply(graph, total, inputs.uniform);

  const block = atMost(graph, countNotAbove(graph, cumulative, threshold), blocks - 1);
  // The sums before each block as they were compared with the threshold. Subtracting would round, and could end up above
  // the threshold: the block's first token would be drawn even with probability zero.
  const before = pickFromRows(graph, cumulate(graph, sums, { exclusive: 1 }), block);
  const offset = integers(graph, 'Mul', inputs.rowNumbers, graph.integerList([blocks]));
  const flat = graph.node('Reshape', [byBlock, graph.integerList([-1, blockWidth])], {
    shape: ['row blocks', blockWidth],
  });
  const chosen = graph.node(
    'Gather',
    [flat, integers(graph, 'Add', offset, block)],
    { shape: [rows, blockWidth] },
    { axis: 0 },
  );
  const within = countNotAbove(graph, add(graph, cumulate(graph, chosen), before), threshold);
  // Sums in another order may differ in the last bit, so that nothing in the block exceeds the threshold: then the
  // block's likeliest token stands in, never one of probability zero.
  const likeliest = graph.node('ArgMax', [chosen], { type: 'int64', shape: [rows] }, { axis: 1, keepdims: 0 });
  const beyond = graph.node('Equal', [within, graph.integerList([blockWidth])], { type: 'bool', shape: [rows] });
  const safe = graph.node('Where', [beyond, likeliest, within], { type: 'int64', shape: [rows] });
  return integers(graph, 'Add', integers(graph, 'Mul', block, graph.integerList([blockWidth])), safe);
}

function cumulate(graph: Graph, values: Value, attributes: { readonly exclusive?: 1 } = {}): Value {
  return graph.node('CumSum', [values, graph.integerList([1])], { shape: values.shape }, attributes);
}

/** How many elements of each row are not above the row's threshold: [rows, n], [rows, 1] -> integers [rows]. */
function countNotAbove(graph: Graph, values: Value, threshold: Value): Value {
  const below = graph.node('LessOrEqual', [values, threshold], { type: 'bool', shape: values.shape });
  const ones = graph.node('Cast', [below], { shape: values.shape }, { to: 1 });
  const count = sumOver(graph, ones, 1, false);
  return graph.node('Cast', [count], { type: 'int64', shape: count.shape }, { to: 7 });
}

function atMost(graph: Graph, values: Value, most: number): Value {
  return integers(graph, 'Min', values, graph.integerList([most]));
}

function integers(graph: Graph, operator: 'Add' | 'Mul' | 'Min', left: Value, right: Value): Value {
  return graph.node(operator, [left, right], { type: 'int64', shape: left.shape });
}
