import { requireFields, requireList, requireNumber } from '../../foundation/require-arguments.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { Tape } from '../autodiff/tape.js';
import { requireDecoderConfig, type DecoderConfig } from '../checkpoint/decoder-config.js';
import { requireWeights, type FloatTensor } from '../checkpoint/float-tensor.js';
import { buildCausalMask, buildRotaryTable } from '../decoder/decoder-inputs.js';
import { buildDecoder, causalAttention } from '../decoder/decoder-graph.js';
import { Graph, type Value } from '../graph/graph.js';
import { matrixProduct } from '../graph/operations.js';
import { compileGraph } from '../runtime/compiled-graph.js';

/**
 * How the tokens of a row are pooled: its last token alone, the mean over the prompt, the mean over the answer, or
 * every token by itself. The answer is everything after the first `promptLength` tokens.
 */
export type ResidualPool = 'last' | 'prompt-mean' | 'answer-mean' | 'every';

export interface ResidualRow {
  readonly ids: readonly number[];
  /** Tokens of the prompt; the rest is the answer. */
  readonly promptLength: number;
}

export interface ResidualReader {
  /**
   * Returns the residual stream of one row, one tensor per layer in the order of the reader's layers: [width] for a
   * mean or the last token, [tokens, width] for every token.
   */
  readonly read: (row: ResidualRow, pool: ResidualPool) => Promise<FloatTensor[]>;
  readonly release: () => Promise<void>;
}

/**
 * Opens a reader of the residual stream. Layer 0 is the output of the embedding; layer n is the output of block n
 * (counted from 1), before the final norm. A model of n blocks has n + 1 layers. transformers' `hidden_states` agrees,
 * except that it applies the final norm to the last entry. Blocks after the highest requested layer are neither built
 * nor computed.
 */
export async function createResidualReader(settings: {
  readonly config: DecoderConfig;
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly layers: readonly number[];
  readonly threads: number;
}): Promise<ResidualReader> {
  requireFields(settings, 'settings', {
    config: requireDecoderConfig,
    weights: requireWeights,
    layers: (given, what) => {
      requireList(given, what, requireNumber);
    },
    threads: requireNumber,
  });
  const { config, weights, layers } = settings;
  checkResidualLayers(config, layers);
  const graph = new Graph();
  const inputs = new Map<string, Value>();
  const weight = (name: string): Value => {
    const value = inputs.get(name) ?? graph.input(name, 'float32', weights.get(name)?.shape ?? []);
    inputs.set(name, value);
    return value;
  };
  const attention = causalAttention({
    positions: graph.input('first-position', 'int64', [1]),
    cosines: graph.input('cosines', 'float32', ['context', config.headWidth / 2]),
    sines: graph.input('sines', 'float32', ['context', config.headWidth / 2]),
    mask: graph.input('mask', 'float32', ['length', 'length']),
  });
  const ids = graph.input('ids', 'int64', ['batch', 'length']);
  const pool = graph.input('pool', 'float32', ['pools', 'tokens']);
  const parameters = { weight, update: () => null };
  const blocks = Math.max(0, ...layers);
  const { residuals } = buildDecoder(new Tape(graph), config, parameters, ids, attention, undefined, blocks);
  for (const layer of layers) {
    const residual = residuals[layer];
    if (residual !== undefined) graph.output(`residual:${String(layer)}`, matrixProduct(graph, pool, residual));
  }
  const compiled = await compileGraph(graph, { threads: settings.threads });

  return {
    read: async (row, kind) => {
      const tokens = row.ids.length;
      const hasPrompt = Number.isInteger(row.promptLength) && row.promptLength >= 0 && row.promptLength <= tokens;
      if (!hasPrompt) throw badRow(row, config);
      requireReadableIds(row.ids, config);
      const pools = poolMatrix(row, kind);
      const rotary = buildRotaryTable(config.rope, config.headWidth, tokens);
      const outputs = await compiled.run({
        ...Object.fromEntries([...inputs.keys()].map((name) => [name, weights.get(name)!])),
        ids: { shape: [1, tokens], data: BigInt64Array.from(row.ids, BigInt) },
        'first-position': { shape: [1], data: BigInt64Array.of(0n) },
        cosines: rotary.cosines,
        sines: rotary.sines,
        mask: buildCausalMask(tokens),
        pool: { shape: [pools.length / tokens, tokens], data: pools },
      });
      return layers.map((layer) => {
        const data = outputs[`residual:${String(layer)}`]?.data;
        if (!(data instanceof Float32Array)) throw badRow(row, config);
        return { shape: kind === 'every' ? [tokens, config.width] : [config.width], data };
      });
    },
    release: compiled.release,
  };
}

/** Refuses rows that are too long or too short, and ids that the model does not have. */
export function requireReadableIds(ids: readonly number[], config: DecoderConfig): void {
  if (ids.length === 0 || ids.length > config.context) throw badRow({ ids, promptLength: 0 }, config);
  // ONNX Runtime counts negative ids from the end of the embedding instead of refusing them.
  const foreign = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < config.vocabulary));
  if (foreign !== undefined) throw foreignToken(foreign, config);
}

/** Refuses residual layers that the model does not have. */
export function checkResidualLayers(config: DecoderConfig, layers: Iterable<number>): void {
  for (const layer of layers) {
    if (Number.isInteger(layer) && layer >= 0 && layer <= config.layers) continue;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `The model has no residual layer ${String(layer)}`,
      hint: `Its residual layers are 0 (the embedding) to ${String(config.layers)} (after the last block).`,
    });
  }
}

/** Pooling weights [pools, tokens], one row per pool. */
function poolMatrix({ ids, promptLength }: ResidualRow, kind: ResidualPool): Float32Array {
  const tokens = ids.length;
  if (kind === 'every') {
    const identity = new Float32Array(tokens * tokens);
    for (let token = 0; token < tokens; token += 1) identity[token * tokens + token] = 1;
    return identity;
  }
  const weights = new Float32Array(tokens);
  if (kind === 'last') weights[tokens - 1] = 1;
  else {
    const [start, end] = kind === 'prompt-mean' ? [0, promptLength] : [promptLength, tokens];
    if (start >= end) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `There is no token to average for ${kind}: the row has ${String(tokens)} tokens, ${String(promptLength)} of them prompt`,
        hint: 'Leave out rows whose answer is empty.',
      });
    }
    weights.fill(1 / (end - start), start, end);
  }
  return weights;
}

function badRow(row: ResidualRow, config: DecoderConfig): DriftlineError {
  return new DriftlineError({
    code: 'row-too-long',
    message: `A row of ${String(row.ids.length)} tokens with a prompt of ${String(row.promptLength)} does not fit the context of ${String(config.context)}`,
    hint: 'Shorten the row; it needs at least one token, and no more prompt than tokens.',
  });
}

function foreignToken(id: number, config: DecoderConfig): DriftlineError {
  return new DriftlineError({
    code: 'tokenizer-mismatch',
    message: `A row has the token ${String(id)}, and the model's vocabulary is 0 to ${String(config.vocabulary - 1)}`,
    hint: 'Encode the row with the tokenizer of this model.',
  });
}
