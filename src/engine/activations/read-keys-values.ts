import { DriftlineError } from '../../foundation/driftline-error.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { causalAttention, type Attention } from '../decoder/decoder-graph.js';
import type { Value } from '../graph/graph.js';
import { rotate, transpose } from '../graph/operations.js';
import { compileRowGraph, requireRowReaderSettings } from './compile-row-graph.js';
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
 * Opens a reader of keys and values of blocks, counted from 0. Heads are those of keys: several heads of queries may
 * share one. Blocks after the highest that is wanted are neither built nor computed.
 */
export async function createKeyValueReader(settings: {
  readonly config: DecoderConfig;
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly layers: readonly number[];
  readonly threads: number;
}): Promise<KeyValueReader> {
  requireRowReaderSettings(settings);
  const { config, layers } = settings;
  checkBlocks(config, layers);
  const compiled = await compileRowGraph(settings, ({ graph, inputs, decode }) => {
    const { positions, cosines, sines } = inputs;
    const attend = causalAttention(inputs);
    const attention: Attention = (tape, layer, query, key, value) => {
      if (layers.includes(layer)) {
        const byHead = (part: Value): Value => transpose(graph, part, [0, 2, 1, 3]);
        graph.output(`keys:${String(layer)}`, rotate(graph, byHead(key), positions, cosines, sines));
        graph.output(`values:${String(layer)}`, byHead(value));
      }
      return attend(tape, layer, query, key, value);
    };
    decode(Math.max(0, ...layers.map((layer) => layer + 1)), attention);
  });

  return {
    read: async (row) => {
      requireReadableIds(row, config);
      const tokens = row.length;
      const outputs = await compiled.run(row);
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
