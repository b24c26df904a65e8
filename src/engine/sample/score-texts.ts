import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { createDecodeRunner, noDraws, type DecodeRunner } from './decode-runner.js';
import { KeyValueCache, type CachedPrefix } from './key-value-cache.js';
import type { KeyValueOverride } from './key-value-override.js';
import { topTokens } from './pick-token.js';
import { floats, prefillPrompts, rowOf } from './prefill-prompts.js';
import type { TokenLogProbability } from './sample-request.js';

/** A text as ids: a prompt of at least one token, and what follows it. */
export interface TextToScore {
  readonly ids: readonly number[];
  readonly promptLength: number;
  readonly override?: KeyValueOverride | undefined;
}

export interface EngineTextScorer {
  /**
   * Log-probabilities of every token after the prompt, with the `top` likeliest in its place. What a text gets depends on
   * it alone, not on the others. `onRun` is called before each run of the model.
   */
  readonly score: (
    texts: readonly TextToScore[],
    wanted: { readonly top: number; readonly onRun?: () => Promise<void> },
  ) => Promise<TokenLogProbability[][]>;
  readonly release: () => Promise<void>;
}

/** A prompt, and the places of the texts that begin with it. */
interface SharedPrompt {
  readonly ids: readonly number[];
  readonly override: KeyValueOverride | undefined;
  readonly places: number[];
}

interface Continuation {
  readonly place: number;
  readonly prompt: SharedPrompt;
  readonly prefix: CachedPrefix | null;
  /** The last token of the prompt, and those of the answer but the last. */
  readonly ids: readonly number[];
}

/** Most new tokens of a run, padding included, and most cached ones: more is no faster, and takes memory. */
const most = { fresh: 2048, cached: 16_384 };

/** A run has enough tokens to keep every matrix product out of special cases. */
const lengthMultiple = 8;

/**
 * Opens a model for scoring given answers. A prompt that several answers follow is computed once; an answer is a row of
 * its own, which attends to what is cached of its prompt.
 */
export async function createTextScorer({
  config,
  weights,
  threads,
}: {
  readonly config: DecoderConfig;
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly threads: number;
}): Promise<EngineTextScorer> {
  const runner = await createDecodeRunner(config, weights, {}, threads);
  return {
    score: async (texts, { top, onRun = () => Promise.resolve() }) => {
      const scores: TokenLogProbability[][] = texts.map(() => []);
      for (const prompts of batchPrompts(sharePrompts(texts))) {
        await onRun();
        const prefilled = await prefillPrompts(
          config,
          runner,
          prompts.map(({ ids, override }) => ({ ids, override, logProbabilities: false, topLogProbabilities: 0 })),
          false,
        );
        const continuations = prompts.flatMap((prompt, row) =>
          prompt.places.map((place): Continuation => {
            const ids = texts[place]?.ids.slice(prompt.ids.length - 1) ?? [];
            return { place, prompt, prefix: prefilled[row]?.prefix ?? null, ids };
          }),
        );
        for (const rows of batchContinuations(continuations)) {
          await onRun();
          await scoreRows(config, runner, rows, { top, scores });
        }
      }
      return scores;
    },
    release: runner.release,
  };
}

/** Prompts by their ids and overrides, those without overrides first, the shorter ones first. */
function sharePrompts(texts: readonly TextToScore[]): SharedPrompt[] {
  const byOverride = new Map<KeyValueOverride | undefined, Map<string, SharedPrompt>>();
  for (const [place, { ids, promptLength, override }] of texts.entries()) {
    if (ids.length === promptLength) continue;
    // One that overrides nothing is none.
    const given = override?.positions.length === 0 ? undefined : override;
    const prompts = byOverride.get(given) ?? new Map<string, SharedPrompt>();
    byOverride.set(given, prompts);
    const prompt = ids.slice(0, promptLength);
    const shared = prompts.get(prompt.join()) ?? { ids: prompt, override: given, places: [] };
    prompts.set(prompt.join(), shared);
    shared.places.push(place);
  }
  return [...byOverride.values()]
    .flatMap((prompts) => [...prompts.values()])
    .sort(
      (left, right) =>
        Number(left.override !== undefined) - Number(right.override !== undefined) ||
        left.ids.length - right.ids.length,
    );
}

/** Apart, those with overrides: a run that has room for what they give computes the same with sums in another order. */
function batchPrompts(prompts: readonly SharedPrompt[]): SharedPrompt[][] {
  return splitBatches(prompts, (batch, next) => {
    const isAlike = (batch[0]?.override !== undefined) === (next.override !== undefined);
    return isAlike && (batch.length + 1) * next.ids.length <= most.fresh;
  });
}

function batchContinuations(continuations: readonly Continuation[]): Continuation[][] {
  const sorted = continuations.toSorted((left, right) => left.ids.length - right.ids.length);
  return splitBatches(sorted, (batch, next) => {
    const rows = batch.length + 1;
    const cached = Math.max(...[...batch, next].map(({ prefix }) => prefix?.tokens ?? 0));
    return rows * next.ids.length <= most.fresh && rows * cached <= most.cached;
  });
}

function splitBatches<Item>(items: readonly Item[], fits: (batch: readonly Item[], next: Item) => boolean): Item[][] {
  const batches: Item[][] = [];
  for (const item of items) {
    const last = batches.at(-1);
    if (last !== undefined && fits(last, item)) last.push(item);
    else batches.push([item]);
  }
  return batches;
}

async function scoreRows(
  config: DecoderConfig,
  runner: DecodeRunner,
  continuations: readonly Continuation[],
  { top, scores }: { readonly top: number; readonly scores: TokenLogProbability[][] },
): Promise<void> {
  // A single row would take other paths through the runtime's products and sums, and round differently.
  const rows = Math.max(2, continuations.length);
  const longest = Math.max(...continuations.map(({ ids }) => ids.length - 1));
  const length = Math.ceil(longest / lengthMultiple) * lengthMultiple;
  const cached = Math.max(1, ...continuations.map(({ prefix }) => prefix?.tokens ?? 0));
  const cache = new KeyValueCache(config, rows, cached + 1);
  // At once: growing with each prompt would move all that is there.
  cache.reserve(cached + 1);
  continuations.forEach(({ prefix }, row) => {
    cache.load(row, prefix);
  });
  const { past } = cache;
  const columns = past + length;
  const ids = new BigInt64Array(rows * length);
  const positions = new BigInt64Array(rows * length);
  const mask = new Float32Array(rows * length * columns).fill(-Infinity);
  const scored: { readonly row: number; readonly position: number; readonly label: number }[] = [];
  for (let row = 0; row < rows; row += 1) {
    const { prompt, prefix, ids: own = [] } = continuations[row] ?? {};
    const before = prefix?.tokens ?? 0;
    // What an override gives for the last token of the prompt is cached, and attended to in place of its own.
    const isLastCached = prompt !== undefined && before === prompt.ids.length;
    const first = before - Number(isLastCached);
    for (let token = 0; token < length; token += 1) {
      const place = row * length + token;
      positions[place] = BigInt(first + token);
      mask.fill(0, place * columns, place * columns + before);
      mask.fill(0, place * columns + past, place * columns + past + token + 1);
      if (isLastCached) mask[place * columns + past] = -Infinity;
      if (token >= own.length - 1) continue;
      ids[place] = BigInt(own[token] ?? 0);
      scored.push({ row, position: place, label: own[token + 1] ?? 0 });
    }
  }
  const outputs = await runner.run(
    {
      ...{ rows, length, ids, positions, mask, past, cache: cache.feeds(rows), edited: false, ...noDraws },
      scored: BigInt64Array.from(scored, ({ position }) => BigInt(position)),
      labels: BigInt64Array.from(scored, ({ label }) => BigInt(label)),
    },
    ['label-log-probability', ...(top > 0 ? ['log-probabilities'] : [])],
  );
  for (const [number, { row, label }] of scored.entries())
    scores[continuations[row]?.place ?? -1]?.push({
      id: label,
      logProbability: floats(outputs, 'label-log-probability')[number] ?? NaN,
      top: top === 0 ? [] : topTokens(rowOf(floats(outputs, 'log-probabilities'), number, config.vocabulary), top),
    });
}
