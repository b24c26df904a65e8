import { DriftlineError } from '../../foundation/driftline-error.js';
import type { KeysAndValues } from '../activations/read-keys-values.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { countElements } from '../checkpoint/float-tensor.js';
import type { FeedTensor } from '../runtime/compiled-graph.js';

/**
 * Keys and values that take the place of the model's own at some tokens of a prompt: in every block, these tokens and
 * all later ones attend to what is given. The residual streams of these tokens are still computed, and decide what the
 * model says right after each of them. Keys and values are of all blocks, [layers, heads, tokens, width of a head] as
 * `createKeyValueReader` reads them; their token n, with its position turned in, stands in for that of position n.
 */
export interface KeyValueOverride extends KeysAndValues {
  /** Indexes of tokens of the prompt, each once, in any order. None changes nothing. */
  readonly positions: readonly number[];
}

/**
 * Refuses, with `usage-invalid`, keys and values of another shape than the model's or that are not finite, and
 * positions that stand twice, behind the prompt, or behind what is given; `what` names the override in errors.
 */
export function checkOverride(
  config: DecoderConfig,
  { positions, keys, values }: KeyValueOverride,
  promptLength: number,
  what: string,
): void {
  const { layers, keyValueHeads, headWidth } = config;
  const tokens = keys.shape[2] ?? 0;
  const wanted = [layers, keyValueHeads, tokens, headWidth];
  for (const [kind, { shape, data }] of Object.entries({ keys, values })) {
    if (shape.join() === wanted.join() && data.length === countElements(wanted)) continue;
    throw invalid(
      `${what} gives ${kind} of the shape [${shape.join(', ')}] with ${String(data.length)} elements; the model's are [${String(layers)}, ${String(keyValueHeads)}, tokens, ${String(headWidth)}], with as many tokens in keys as in values`,
      'Read all blocks, in their order, of a model with the same blocks, heads and width.',
    );
  }
  const known = new Set<number>();
  for (const position of positions) {
    if (!Number.isInteger(position) || position < 0 || position >= promptLength)
      throw invalid(
        `${what} names the position ${String(position)}, and the prompt's are 0 to ${String(promptLength - 1)}`,
        'Name positions of the prompt: what a model says is computed with its own keys and values.',
      );
    if (position >= tokens)
      throw invalid(
        `${what} names the position ${String(position)}, and gives keys and values of ${String(tokens)} tokens`,
        'Read them of a text that is at least as long: its token n stands in for that of position n.',
      );
    if (known.has(position))
      throw invalid(`${what} names the position ${String(position)} twice`, 'Name each position once.');
    known.add(position);
  }
  for (const [kind, tensor] of Object.entries({ keys, values }))
    eachGiven(config, { positions, tokens }, (from, layer, _group, position) => {
      if (tensor.data.subarray(from, from + headWidth).every(Number.isFinite)) return;
      throw invalid(
        `${what} gives ${kind} that are not finite, in block ${String(layer)} at position ${String(position)}`,
        'Read them anew, of a model whose weights are finite.',
      );
    });
}

/** Every piece of [width of a head] that an override gives: where it begins in its tensors, and what it is of. */
function eachGiven(
  { layers, keyValueHeads, headWidth }: DecoderConfig,
  { positions, tokens }: { readonly positions: readonly number[]; readonly tokens: number },
  visit: (from: number, layer: number, group: number, position: number) => void,
): void {
  for (let layer = 0; layer < layers; layer += 1)
    for (let group = 0; group < keyValueHeads; group += 1)
      for (const position of positions)
        visit(((layer * keyValueHeads + group) * tokens + position) * headWidth, layer, group, position);
}

/**
 * Writes what is given over the keys and values of a prompt, one [groups, tokens, width] per layer, each at its
 * position.
 */
export function overwriteCached(
  config: DecoderConfig,
  override: KeyValueOverride,
  cached: { readonly tokens: number; readonly keys: readonly Float32Array[]; readonly values: readonly Float32Array[] },
): void {
  const { headWidth } = config;
  const tokens = override.keys.shape[2] ?? 0;
  eachGiven(config, { positions: override.positions, tokens }, (from, layer, group, position) => {
    const to = (group * cached.tokens + position) * headWidth;
    for (const kind of ['keys', 'values'] as const)
      cached[kind][layer]?.set(override[kind].data.subarray(from, from + headWidth), to);
  });
}

/** Given tokens that a run over prompts has room for, a multiple of the vector width, so that sums keep their order. */
const roomMultiple = 32;

/** What stands before the new tokens of a run over prompts, so that these attend to it in place of their own. */
export interface GivenPast {
  readonly past: number;
  /** past-keys and past-values of every layer, [rows, groups, past, width]. */
  readonly cache: Readonly<Record<string, FeedTensor>>;
}

/** Lays out the overrides of a run's rows: place n of the past holds what is given for position n, or nothing. */
export function layOutGiven(config: DecoderConfig, overrides: readonly (KeyValueOverride | undefined)[]): GivenPast {
  const { layers, keyValueHeads, headWidth } = config;
  const needed = Math.max(0, ...overrides.flatMap((override) => override?.positions ?? []).map((place) => place + 1));
  const past = Math.ceil(needed / roomMultiple) * roomMultiple;
  const shape = [overrides.length, keyValueHeads, past, headWidth];
  const allocate = (): Float32Array[] => Array.from({ length: layers }, () => new Float32Array(countElements(shape)));
  const given = { keys: allocate(), values: allocate() };
  const size = keyValueHeads * past * headWidth;
  for (const [row, override] of overrides.entries()) {
    if (override === undefined) continue;
    const ofRow = (data: Float32Array): Float32Array => data.subarray(row * size, (row + 1) * size);
    overwriteCached(config, override, {
      tokens: past,
      keys: given.keys.map(ofRow),
      values: given.values.map(ofRow),
    });
  }
  const cache: Record<string, FeedTensor> = {};
  for (let layer = 0; layer < layers; layer += 1)
    for (const kind of ['keys', 'values'] as const)
      cache[`past-${kind}:${String(layer)}`] = { shape, data: given[kind][layer] ?? new Float32Array(0) };
  return { past, cache };
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
