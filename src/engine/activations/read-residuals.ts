import { DriftlineError } from '../../foundation/driftline-error.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { matrixProduct } from '../graph/operations.js';
import { compileRowGraph, requireRowReaderSettings } from './compile-row-graph.js';

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
  requireRowReaderSettings(settings);
  const { config, layers } = settings;
  checkResidualLayers(config, layers);
  const compiled = await compileRowGraph(settings, ({ graph, decode }) => {
    const pool = graph.input('pool', 'float32', ['pools', 'tokens']);
    const { residuals } = decode(Math.max(0, ...layers));
    for (const layer of layers) {
      const residual = residuals[layer];
      if (residual !== undefined) graph.output(`residual:${String(layer)}`, matrixProduct(graph, pool, residual));
    }
  });

  return {
    read: async (row, kind) => {
      const tokens = row.ids.length;
      const hasPrompt = Number.isInteger(row.promptLength) && row.promptLength >= 0 && row.promptLength <= tokens;
      if (!hasPrompt) throw badRow(row, config);
      requireReadableIds(row.ids, config);
      const pools = poolMatrix(row, kind);
      const outputs = await compiled.run(row.ids, {
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
