import { addVector, removeDirection } from '../autodiff/operators/edit-residual.js';
import { Tape } from '../autodiff/tape.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { buildDecoder, headName, type ResidualEdit } from '../decoder/decoder-graph.js';
import { Graph, type Value } from '../graph/graph.js';
import { gatherRows, logSoftmax, matrixProduct, pickFromRows } from '../graph/operations.js';
import { cachedAttention } from './attend-with-cache.js';
import { chooseToken } from './choose-token-graph.js';

/**
 * Residual layers that are changed while sampling. The vectors to add or remove are inputs, so that they may vary by
 * run.
 */
export interface EditedLayers {
  readonly added: readonly number[];
  readonly removed: readonly number[];
}

const noEditedLayers: EditedLayers = { added: [], removed: [] };

/**
 * One graph for prompts and for single tokens: new tokens [batch, length] after `past` cached ones. For each of the
 * `scored` positions it gives the likeliest token, `greedy`, the log-probability of a given `label`, and on request all
 * `log-probabilities` or `logits`; for each of the `draws`, which name one of the scored positions, a drawn `token`;
 * and the new rows of the cache, `keys:<layer>` and `values:<layer>`. Log-probabilities are the model's own, before
 * temperature.
 */
export function buildDecodeGraph(
  config: DecoderConfig,
  weights: ReadonlyMap<string, FloatTensor>,
  edited: EditedLayers = noEditedLayers,
): Graph {
  const graph = new Graph();
  const tape = new Tape(graph);
  const constants = new Map<string, Value>();
  const weight = (name: string): Value => {
    const tensor = weights.get(name);
    const value = constants.get(name) ?? (tensor === undefined ? null : graph.weight(name, tensor));
    if (value === null) throw new RangeError(`no weight ${name}`);
    constants.set(name, value);
    return value;
  };
  const edit: ResidualEdit = (onTape, layer, residual) => {
    let result = residual;
    if (edited.removed.includes(layer))
      result = removeDirection(onTape, result, graph.input(`remove:${String(layer)}`, 'float32', [config.width]));
    if (edited.added.includes(layer))
      result = addVector(onTape, result, graph.input(`add:${String(layer)}`, 'float32', [config.width]));
    return result;
  };

  const ids = graph.input('ids', 'int64', ['batch', 'length']);
  const attention = cachedAttention({
    positions: graph.input('positions', 'int64', ['batch', 'length']),
    cosines: graph.input('cosines', 'float32', ['context', config.headWidth / 2]),
    sines: graph.input('sines', 'float32', ['context', config.headWidth / 2]),
    mask: graph.input('mask', 'float32', ['batch', 1, 'length', 'past + length']),
    pastKeys: (layer) =>
      graph.input(`past-keys:${String(layer)}`, 'float32', ['batch', config.keyValueHeads, 'past', config.headWidth]),
    pastValues: (layer) =>
      graph.input(`past-values:${String(layer)}`, 'float32', ['batch', config.keyValueHeads, 'past', config.headWidth]),
    onNew: (layer, keys, values) => {
      graph.output(`keys:${String(layer)}`, keys);
      graph.output(`values:${String(layer)}`, values);
    },
  });
  const { hidden } = buildDecoder(tape, config, { weight, update: () => null }, ids, attention, edit);

  const scored = gatherRows(graph, hidden, graph.input('scored', 'int64', ['scored']));
  const logits = matrixProduct(graph, scored, weight(headName(config)), { transposeRight: true });
  const logProbabilities = logSoftmax(graph, logits);
  const draws = graph.input('draws', 'int64', ['draws']);
  const token = chooseToken(graph, gatherRows(graph, logits, draws), {
    inverseTemperature: graph.input('inverse-temperature', 'float32', ['draws', 1]),
    uniform: graph.input('uniform', 'float32', ['draws', 1]),
    rowNumbers: graph.input('row-numbers', 'int64', ['draws']),
  });
  const greedy = graph.node('ArgMax', [logits], { type: 'int64', shape: ['scored'] }, { axis: 1, keepdims: 0 });
  graph.output('token', token);
  graph.output('greedy', greedy);
  graph.output('token-log-probability', pickFromRows(graph, gatherRows(graph, logProbabilities, draws), token));
  graph.output('greedy-log-probability', pickFromRows(graph, logProbabilities, greedy));
  graph.output(
    'label-log-probability',
    pickFromRows(graph, logProbabilities, graph.input('labels', 'int64', ['scored'])),
  );
  graph.output('log-probabilities', logProbabilities);
  graph.output('logits', logits);
  return graph;
}
