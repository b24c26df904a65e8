import { DriftlineError } from '../../foundation/driftline-error.js';
import { normRows } from '../autodiff/operators/norm-rows.js';
import { Tape } from '../autodiff/tape.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { headName } from '../decoder/decoder-graph.js';
import { Graph, type Value } from '../graph/graph.js';
import { logSoftmax, matrixProduct } from '../graph/operations.js';
import { compileGraph } from '../runtime/compiled-graph.js';
import { requireRowReaderSettings } from './compile-row-graph.js';

export interface ReadOut {
  /**
   * The log-probabilities, in nats, of all tokens [vocabulary] for each vector [width]. Throws `usage-invalid` for a
   * vector of another width or with an element that is not finite.
   */
  readonly read: (vectors: readonly Float32Array[]) => Promise<Float32Array[]>;
  readonly release: () => Promise<void>;
}

/**
 * Opens what reads a vector as if it were the residual stream after the last block: final norm, head, softmax. What is
 * added to the stream in the middle of a model can be read so, too, as far as later blocks leave it as it is ("logit
 * lens"). The norm takes the length out: a vector and twice that vector say the same.
 */
export async function createReadOut(settings: {
  readonly config: DecoderConfig;
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly threads: number;
}): Promise<ReadOut> {
  requireRowReaderSettings({ ...settings, layers: [] });
  const { config, weights, threads } = settings;
  const graph = new Graph();
  const names = ['model.norm.weight', headName(config)];
  const [norm, head] = names.map((name) => graph.input(name, 'float32', weights.get(name)?.shape ?? [])) as [
    // As many as names.
    Value,
    Value,
  ];
  const vectors = graph.input('vectors', 'float32', ['rows', config.width]);
  const normed = normRows(new Tape(graph), vectors, norm, config.normEpsilon);
  const logits = matrixProduct(graph, normed, head, { transposeRight: true });
  graph.output('log-probabilities', logSoftmax(graph, logits));
  const compiled = await compileGraph(graph, { threads });
  const given = Object.fromEntries(names.map((name) => [name, weights.get(name)!]));

  return {
    read: async (wanted) => {
      requireVectors(wanted, config.width);
      if (wanted.length === 0) return [];
      const data = new Float32Array(wanted.length * config.width);
      for (const [row, vector] of wanted.entries()) data.set(vector, row * config.width);
      const outputs = await compiled.run({ ...given, vectors: { shape: [wanted.length, config.width], data } });
      const found = outputs['log-probabilities']?.data;
      if (!(found instanceof Float32Array)) throw new Error('the graph has no log-probabilities');
      return wanted.map((_, row) => found.slice(row * config.vocabulary, (row + 1) * config.vocabulary));
    },
    release: compiled.release,
  };
}

/** Refuses vectors that no residual stream of this width could be. */
export function requireVectors(vectors: readonly Float32Array[], width: number): void {
  for (const [place, vector] of vectors.entries()) {
    if (vector.length === width && vector.every(Number.isFinite)) continue;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `Vector ${String(place)} has ${String(vector.length)} elements, and the residual stream has ${String(width)}, all of them finite`,
      hint: 'Read vectors out with the model that they are of.',
      details: { vector: place },
    });
  }
}
