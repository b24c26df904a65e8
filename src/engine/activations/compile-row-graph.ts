import { requireFields, requireList, requireNumber } from '../../foundation/require-arguments.js';
import type { AttentionInputs } from '../autodiff/operators/attend-causally.js';
import { Tape } from '../autodiff/tape.js';
import { requireDecoderConfig, type DecoderConfig } from '../checkpoint/decoder-config.js';
import { requireWeights, type FloatTensor } from '../checkpoint/float-tensor.js';
import { buildCausalMask, buildRotaryTable } from '../decoder/decoder-inputs.js';
import { buildDecoder, causalAttention, type Attention, type DecoderGraph } from '../decoder/decoder-graph.js';
import { Graph, type Value } from '../graph/graph.js';
import { compileGraph, type FeedTensor } from '../runtime/compiled-graph.js';

/** What a reader of activations is opened with. */
export interface RowReaderSettings {
  readonly config: DecoderConfig;
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly layers: readonly number[];
  readonly threads: number;
}

export function requireRowReaderSettings(settings: RowReaderSettings): void {
  requireFields(settings, 'settings', {
    config: requireDecoderConfig,
    weights: requireWeights,
    layers: (given, what) => {
      requireList(given, what, requireNumber);
    },
    threads: requireNumber,
  });
}

/** A graph over one row of tokens, while it is built. */
export interface RowGraphParts {
  readonly graph: Graph;
  readonly inputs: AttentionInputs;
  /** Builds so many blocks, with causal attention unless another one is given. */
  readonly decode: (blocks: number, attention?: Attention) => DecoderGraph;
}

/** The forward pass over one row of tokens, as far as it is wanted. */
export interface RowGraph {
  /** Runs it on ids that the model has; `feeds` are inputs that its reader has added. */
  readonly run: (
    ids: readonly number[],
    feeds?: Readonly<Record<string, FeedTensor>>,
  ) => Promise<Readonly<Record<string, FeedTensor>>>;
  readonly release: () => Promise<void>;
}

/** Compiles a graph over single rows; `define` builds its blocks and names its outputs. */
export async function compileRowGraph(
  { config, weights, threads }: Omit<RowReaderSettings, 'layers'>,
  define: (parts: RowGraphParts) => void,
): Promise<RowGraph> {
  const graph = new Graph();
  const used = new Map<string, Value>();
  const weight = (name: string): Value => {
    const value = used.get(name) ?? graph.input(name, 'float32', weights.get(name)?.shape ?? []);
    used.set(name, value);
    return value;
  };
  const inputs: AttentionInputs = {
    positions: graph.input('first-position', 'int64', [1]),
    cosines: graph.input('cosines', 'float32', ['context', config.headWidth / 2]),
    sines: graph.input('sines', 'float32', ['context', config.headWidth / 2]),
    mask: graph.input('mask', 'float32', ['length', 'length']),
  };
  const ids = graph.input('ids', 'int64', ['batch', 'length']);
  const parameters = { weight, update: () => null };
  define({
    ...{ graph, inputs },
    decode: (blocks, attention = causalAttention(inputs)) =>
      buildDecoder(new Tape(graph), config, parameters, ids, attention, undefined, blocks),
  });
  const compiled = await compileGraph(graph, { threads });

  return {
    run: (row, feeds = {}) => {
      const rotary = buildRotaryTable(config.rope, config.headWidth, row.length);
      return compiled.run({
        ...Object.fromEntries([...used.keys()].map((name) => [name, weights.get(name)!])),
        ids: { shape: [1, row.length], data: BigInt64Array.from(row, BigInt) },
        'first-position': { shape: [1], data: BigInt64Array.of(0n) },
        cosines: rotary.cosines,
        sines: rotary.sines,
        mask: buildCausalMask(row.length),
        ...feeds,
      });
    },
    release: compiled.release,
  };
}
