import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FeedTensor } from '../runtime/compiled-graph.js';
import { noDraws, type DecodeRunner } from './decode-runner.js';
import type { CachedPrefix } from './key-value-cache.js';
import { layOutGiven, overwriteCached, type KeyValueOverride } from './key-value-override.js';
import { topTokens } from './pick-token.js';
import type { TokenLogProbability } from './sample-request.js';

/** A prompt to prefill, and the log-probabilities that are wanted of it. */
export interface PromptWork {
  readonly ids: readonly number[];
  readonly logProbabilities: boolean;
  readonly topLogProbabilities: number;
  readonly override?: KeyValueOverride | undefined;
}

export interface PrefilledPrompt {
  /**
   * Cache of all prompt tokens but the last, which is the first decoding step's input; with the last one where an
   * override gives it. Null where that leaves none.
   */
  readonly prefix: CachedPrefix | null;
  readonly logProbabilities: readonly TokenLogProbability[] | null;
}

/**
 * Lengths are padded to a multiple of this, so that a run has enough tokens to keep every matrix product out of special
 * cases.
 */
const lengthMultiple = 8;

/** Runs prompts through the model at once, padded on the right to the longest. */
export async function prefillPrompts(
  config: DecoderConfig,
  runner: DecodeRunner,
  prompts: readonly PromptWork[],
  edited: boolean,
): Promise<PrefilledPrompt[]> {
  const longest = Math.max(...prompts.map(({ ids }) => ids.length - 1));
  const isOverridden = prompts.some(({ override }) => override !== undefined);
  if (longest === 0 && !isOverridden) return prompts.map(() => ({ prefix: null, logProbabilities: null }));
  const length = Math.max(1, Math.ceil(longest / lengthMultiple)) * lengthMultiple;
  const rows = prompts.length;
  const { past, cache } = layOutGiven(
    config,
    prompts.map(({ override }) => override),
  );
  const columns = past + length;
  const ids = new BigInt64Array(rows * length);
  const positions = new BigInt64Array(rows * length);
  const mask = new Float32Array(rows * length * columns).fill(-Infinity);
  const scored: { position: number; label: number }[] = [];
  prompts.forEach((prompt, row) => {
    for (let token = 0; token < length; token += 1) {
      positions[row * length + token] = BigInt(token);
      const start = (row * length + token) * columns;
      mask.fill(0, start + past, start + past + token + 1);
      for (const position of prompt.override?.positions ?? []) {
        if (position > token) continue;
        // What is given is attended to in place of the token's own.
        mask[start + position] = 0;
        mask[start + past + position] = -Infinity;
      }
      if (token >= prompt.ids.length - 1) continue;
      ids[row * length + token] = BigInt(prompt.ids[token]!);
      if (prompt.logProbabilities) scored.push({ position: row * length + token, label: prompt.ids[token + 1]! });
    }
  });
  const wanted = scored.length > 0;
  const rowsScored = wanted ? scored : [{ position: 0, label: 0 }];
  const withTop = prompts.some((prompt) => prompt.logProbabilities && prompt.topLogProbabilities > 0);
  const outputs = await runner.run(
    {
      rows,
      length,
      ids,
      positions,
      mask,
      past,
      cache,
      scored: BigInt64Array.from(rowsScored, ({ position }) => BigInt(position)),
      labels: BigInt64Array.from(rowsScored, ({ label }) => BigInt(label)),
      ...noDraws,
      edited,
    },
    [...cacheOutputs(config), ...(wanted ? ['label-log-probability'] : []), ...(withTop ? ['log-probabilities'] : [])],
  );

  let next = 0;
  return prompts.map((prompt, row) => {
    const computed = prompt.ids.length - 1;
    const isLastGiven = prompt.override?.positions.includes(computed) ?? false;
    const tokens = computed + (isLastGiven ? 1 : 0);
    const take = (kind: 'keys' | 'values'): Float32Array[] =>
      Array.from({ length: config.layers }, (_, layer) =>
        cutRow(config, floats(outputs, `${kind}:${String(layer)}`), row, { length, computed, tokens }),
      );
    let logProbabilities: TokenLogProbability[] | null = null;
    if (prompt.logProbabilities) {
      logProbabilities = prompt.ids.slice(1).map((id) => {
        const logProbability = floats(outputs, 'label-log-probability')[next]!;
        const top =
          prompt.topLogProbabilities === 0
            ? []
            : topTokens(
                rowOf(floats(outputs, 'log-probabilities'), next, config.vocabulary),
                prompt.topLogProbabilities,
              );
        next += 1;
        return { id, logProbability, top };
      });
    }
    const prefix = tokens === 0 ? null : { tokens, keys: take('keys'), values: take('values') };
    if (prefix !== null && prompt.override !== undefined) overwriteCached(config, prompt.override, prefix);
    return { prefix, logProbabilities };
  });
}

/** The named output as floats. */
export function floats(outputs: Readonly<Record<string, FeedTensor>>, name: string): Float32Array {
  const data = outputs[name]?.data;
  if (data instanceof Float32Array) return data;
  throw new RangeError(`no float output ${name}`);
}

/** One row of a matrix with `width` columns, without copying. */
export function rowOf(matrix: Float32Array, row: number, width: number): Float32Array {
  return matrix.subarray(row * width, (row + 1) * width);
}

/**
 * [rows, groups, length, width] -> one row's first tokens, [groups, tokens, width], with room after those that are
 * computed
 */
function cutRow(
  config: DecoderConfig,
  data: Float32Array,
  row: number,
  { length, computed, tokens }: { readonly length: number; readonly computed: number; readonly tokens: number },
): Float32Array {
  const { keyValueHeads, headWidth } = config;
  const result = new Float32Array(keyValueHeads * tokens * headWidth);
  for (let group = 0; group < keyValueHeads; group += 1) {
    const start = (row * keyValueHeads + group) * length * headWidth;
    result.set(data.subarray(start, start + computed * headWidth), group * tokens * headWidth);
  }
  return result;
}

/** Names of a run's outputs that extend the cache. */
export function cacheOutputs({ layers }: DecoderConfig): string[] {
  return Array.from({ length: layers }, (_, layer) => [`keys:${String(layer)}`, `values:${String(layer)}`]).flat();
}
