import { requireFields, requireList, requireNumber } from '../../foundation/require-arguments.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { Tape } from '../autodiff/tape.js';
import { requireDecoderConfig, type DecoderConfig } from '../checkpoint/decoder-config.js';
import { requireWeights, type FloatTensor } from '../checkpoint/float-tensor.js';
import { buildCausalMask, buildRotaryTable } from '../decoder/decoder-inputs.js';
import { buildDecoder, causalAttention, type Attention } from '../decoder/decoder-graph.js';
import { Graph, type Value } from '../graph/graph.js';
import { rotate, transpose } from '../graph/operations.js';
import { compileGraph } from '../runtime/compiled-graph.js';
import { requireReadableIds } from './read-residuals.js';

/** What attention remembers of the tokens of a row, each [layers, heads, tokens, width of a head] in the order of the reader's layers. */
export interface KeysAndValues {
  /** With their positions turned in. */
  readonly keys: FloatTensor;
  readonly values: FloatTensor;
}

export interface KeyValueReader {
  readonly read: (ids: readonly number[]) => Promise<KeysAndValues>;
  readonly release: () => Promise<void>;
}

/**
 * Opens a reader of keys and values of blocks, counted from 0. Heads are those of keys: several heads of queries may share one. Blocks after the
 * highest that is wanted are neither built nor computed.
 */
export async function createKeyValueReader(settings: {
  readonly config: DecoderConfig;
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly layers: readonly number[];
  readonly threads: number;
}): Promise<KeyValueReader> {
  requireFields(settings, 'settings', {
    config: requireDecoderConfig,
    weights: requireWeights,
    layers: (given, what) => {
      requireList(given, what, requireNumber);
    },
    threads: requireNumber,
  });
  const { config, weights, layers } = settings;
  checkBlocks(config, layers);
  const graph = new Graph();
  const inputs = new Map<string, Value>();
  const weight = (name: string): Value => {
    const value = inputs.get(name) ?? graph.input(name, 'float32', weights.get(name)?.shape ?? []);
    inputs.set(name, value);
    return value;
  };
  const positions = graph.input('first-position', 'int64', [1]);
  const cosines = graph.input('cosines', 'float32', ['context', config.headWidth / 2]);
  const sines = graph.input('sines', 'float32', ['context', config.headWidth / 2]);
  const mask = graph.input('mask', 'float32', ['length', 'length']);
  const attend = causalAttention({ positions, cosines, sines, mask });
  const attention: Attention = (tape, layer, query, key, value) => {
    if (layers.includes(layer)) {
      const byHead = (part: Value): Value => transpose(graph, part, [0, 2, 1, 3]);
      graph.output(`keys:${String(layer)}`, rotate(graph, byHead(key), positions, cosines, sines));
      graph.output(`values:${String(layer)}`, byHead(value));
    }
    return attend(tape, layer, query, key, value);
  };
  const ids = graph.input('ids', 'int64', ['batch', 'length']);
  const parameters = { weight, update: () => null };
  const blocks = Math.max(0, ...layers.map((layer) => layer + 1));
  buildDecoder(new Tape(graph), config, parameters, ids, attention, undefined, blocks);
  const compiled = await compileGraph(graph, { threads: settings.threads });

  return {
    read: async (row) => {
      requireReadableIds(row, config);
      const tokens = row.length;
      const rotary = buildRotaryTable(config.rope, config.headWidth, tokens);
      const outputs = await compiled.run({
        ...Object.fromEntries([...inputs.keys()].map((name) => [name, weights.get(name)!])),
        ids: { shape: [1, tokens], data: BigInt64Array.from(row, BigInt) },
        'first-position': { shape: [1], data: BigInt64Array.of(0n) },
        cosines: rotary.cosines,
        sines: rotary.sines,
        mask: buildCausalMask(tokens),
      });
      const size = config.keyValueHeads * tokens * config.headWidth;
      const join = (kind: 'keys' | 'values'): FloatTensor => {
        const data = new Float32Array(layers.length * size);
        for (const [place, layer] of layers.entries()) {
          const found = outputs[`${kind}:${String(layer)}`]?.data;
          if (found instanceof Float32Array) data.set(found, place * size);
        }
        return { shape: [layers.length, config.keyValueHeads, tokens, config.headWidth], data };
      };
      return { keys: join('keys'), values: join('values') };
    },
    release: compiled.release,
  };
}

/** Refuses blocks that the model does not have. */
export function checkBlocks({ layers: blocks }: DecoderConfig, wanted: Iterable<number>): void {
  for (const layer of wanted) {
    if (Number.isInteger(layer) && layer >= 0 && layer < blocks) continue;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `The model has no block ${String(layer)}`,
      hint: `Its blocks are 0 to ${String(blocks - 1)}.`,
    });
  }
}
