import { DriftlineError } from '../../foundation/driftline-error.js';
import { createRandomStream, type RandomStream } from '../../foundation/random-stream.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { DecodeRunner } from './decode-runner.js';
import { describeProblems } from './describe-problems.js';
import { KeyValueCache } from './key-value-cache.js';
import { pickToken, topTokens } from './pick-token.js';
import {
  cacheOutputs,
  floats,
  prefillPrompts,
  rowOf,
  type PrefilledPrompt,
  type PromptWork,
} from './prefill-prompts.js';
import {
  sampleRequestSchema,
  type ParsedSampleRequest,
  type SampledAnswer,
  type SampleRequest,
  type TokenLogProbability,
} from './sample-request.js';

export interface SampleSettings {
  /** Sequences decoded at once. Default 32. */
  readonly slots?: number;
  /** Whether interventions apply to prompts, too. */
  readonly editedPrompts: boolean;
  readonly signal?: AbortSignal;
}

/** Prompt tokens of one prefilling run, padding included. */
const prefillTokens = 2048;

/** Tokens of an answer for which the cache has room at once. */
const usualAnswer = 64;

/** Logits times this stay finite, and temperatures below its inverse leave nothing but the likeliest token anyway. */
const largestInverseTemperature = 1e30;

interface Sequence {
  readonly request: number;
  readonly settings: ParsedSampleRequest;
  readonly stopTokens: ReadonlySet<number>;
  readonly stream: RandomStream;
  readonly ids: number[];
  readonly logProbabilities: TokenLogProbability[];
  readonly promptLogProbabilities: readonly TokenLogProbability[] | null;
  /** The token whose successor is drawn next. */
  last: number;
}

/**
 * Samples answers in the order in which they finish. Each answer depends on its request alone, not on its neighbours:
 * it draws from a stream of its own, and every row of a run is computed by the same operations whatever else is in it.
 */
export async function* sampleAnswers(
  config: DecoderConfig,
  runner: DecodeRunner,
  requests: readonly SampleRequest[],
  settings: SampleSettings,
): AsyncGenerator<SampledAnswer, void, undefined> {
  const { slots = 32, signal } = settings;
  if (!Number.isInteger(slots) || slots < 1) throw badSlots(slots);
  const parsed = requests.map((request, index) => parseRequest(config, request, index));
  const waiting = groupByPrompt(parsed);
  const prefilled = new Map<SharedPrompt, PrefilledPrompt>();
  const rows = Math.max(2, Math.min(slots, requests.length));
  const longest = parsed.reduce((most, { prompt, maximumTokens }) => Math.max(most, prompt.length + maximumTokens), 1);
  const expected = parsed.reduce((most, { prompt }) => Math.max(most, prompt.length), 0) + usualAnswer;
  const cache = new KeyValueCache(config, rows, Math.min(longest, config.context), expected);
  const active: Sequence[] = [];

  while (waiting.length > 0 || active.length > 0) {
    // Lets messages of other threads in: a run of the graph blocks this one.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (signal?.aborted === true) throw stopped();
    // Prefilling few prompts at a time is wasteful; an eighth of the room is worth a run.
    if (
      waiting.length > 0 &&
      (active.length === 0 || slots - active.length >= Math.min(Math.max(1, slots >> 3), waiting.length))
    ) {
      const taken = waiting.splice(0, slots - active.length);
      await prefillMissing(config, runner, taken, prefilled, settings.editedPrompts);
      for (const { request, prompt, index } of taken) {
        const ready = prefilled.get(prompt);
        if (ready === undefined) continue;
        cache.load(active.length, ready.prefix);
        active.push(startSequence(config, request, index, ready));
      }
      const needed = new Set(waiting.map(({ prompt }) => prompt));
      for (const prompt of prefilled.keys()) if (!needed.has(prompt)) prefilled.delete(prompt);
    }
    await decodeOnce(config, runner, cache, active);
    for (let slot = active.length - 1; slot >= 0; slot -= 1) {
      const sequence = active[slot]!;
      const finishReason = finishOf(config, sequence);
      if (finishReason === null) continue;
      const lastSlot = active.length - 1;
      if (slot !== lastSlot) {
        cache.move(lastSlot, slot);
        active[slot] = active[lastSlot]!;
      }
      active.pop();
      yield toAnswer(sequence, finishReason);
    }
  }
}

/** Draws the next token of every active sequence. */
async function decodeOnce(
  config: DecoderConfig,
  runner: DecodeRunner,
  cache: KeyValueCache,
  active: readonly Sequence[],
): Promise<void> {
  // A single row would take another path through the runtime's matrix products, and round differently.
  const rows = Math.max(2, active.length);
  cache.reserve(Math.max(...active.map((_, slot) => cache.lengths[slot]!)) + 1);
  const { past } = cache;
  const mask = new Float32Array(rows * (past + 1)).fill(-Infinity);
  const positions = new BigInt64Array(rows);
  const ids = new BigInt64Array(rows);
  const inverseTemperatures = new Float32Array(rows).fill(1);
  const uniforms = new Float32Array(rows);
  for (let row = 0; row < rows; row += 1) mask[row * (past + 1) + past] = 0;
  active.forEach((sequence, row) => {
    const length = cache.lengths[row]!;
    mask.fill(0, row * (past + 1), row * (past + 1) + length);
    positions[row] = BigInt(length);
    ids[row] = BigInt(sequence.last);
    if (sequence.settings.temperature > 0) {
      inverseTemperatures[row] = Math.min(1 / sequence.settings.temperature, largestInverseTemperature);
      uniforms[row] = Math.min(Math.fround(sequence.stream.uniform()), 1 - 2 ** -24);
    }
  });
  const needsAll = active.some(
    ({ settings }) =>
      settings.topP < 1 || settings.topK > 0 || (settings.logProbabilities && settings.topLogProbabilities > 0),
  );
  const outputs = await runner.run(
    {
      rows,
      length: 1,
      ids,
      positions,
      mask,
      past,
      cache: cache.feeds(rows),
      scored: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
      labels: new BigInt64Array(rows),
      inverseTemperatures,
      uniforms,
      edited: true,
    },
    [
      ...cacheOutputs(config),
      'token',
      'greedy',
      'token-log-probability',
      'greedy-log-probability',
      ...(needsAll ? ['log-probabilities'] : []),
    ],
  );
  for (let layer = 0; layer < config.layers; layer += 1) {
    cache.append(
      active.length,
      layer,
      floats(outputs, `keys:${String(layer)}`),
      floats(outputs, `values:${String(layer)}`),
    );
  }
  active.forEach((sequence, row) => {
    cache.lengths[row]! += 1;
    const { temperature, topP, topK } = sequence.settings;
    const greedy = temperature === 0;
    let id = Number(outputs[greedy ? 'greedy' : 'token']!.data[row]);
    let logProbability = floats(outputs, greedy ? 'greedy-log-probability' : 'token-log-probability')[row]!;
    const all = needsAll ? rowOf(floats(outputs, 'log-probabilities'), row, config.vocabulary) : null;
    if (all !== null && !greedy && (topP < 1 || topK > 0)) {
      id = pickToken(all, { temperature, topP, topK }, uniforms[row]!);
      logProbability = all[id]!;
    }
    if (!Number.isFinite(logProbability)) throw notFinite(sequence.request);
    sequence.last = id;
    if (sequence.settings.logProbabilities) {
      const { topLogProbabilities } = sequence.settings;
      sequence.logProbabilities.push({
        id,
        logProbability,
        top: all !== null && topLogProbabilities > 0 ? topTokens(all, topLogProbabilities) : [],
      });
    }
    if (!sequence.stopTokens.has(id)) sequence.ids.push(id);
  });
}

/** A prompt and all that any request wants of it. */
interface SharedPrompt extends PromptWork {
  logProbabilities: boolean;
  topLogProbabilities: number;
}

interface WaitingRequest {
  readonly request: ParsedSampleRequest;
  readonly index: number;
  readonly prompt: SharedPrompt;
}

/** Requests of one prompt stand together, at the place of the first. */
function groupByPrompt(requests: readonly ParsedSampleRequest[]): WaitingRequest[] {
  const groups = new Map<string, { readonly prompt: SharedPrompt; readonly members: WaitingRequest[] }>();
  requests.forEach((request, index) => {
    const key = request.prompt.join();
    const known = groups.get(key);
    const prompt = known?.prompt ?? { ids: request.prompt, logProbabilities: false, topLogProbabilities: 0 };
    const members = known?.members ?? [];
    if (request.promptLogProbabilities) {
      prompt.logProbabilities = true;
      prompt.topLogProbabilities = Math.max(prompt.topLogProbabilities, request.topLogProbabilities);
    }
    members.push({ request, index, prompt });
    groups.set(key, { prompt, members });
  });
  return [...groups.values()].flatMap(({ members }) => members);
}

async function prefillMissing(
  config: DecoderConfig,
  runner: DecodeRunner,
  taken: readonly WaitingRequest[],
  prefilled: Map<SharedPrompt, PrefilledPrompt>,
  edited: boolean,
): Promise<void> {
  const missing = [...new Set(taken.map(({ prompt }) => prompt))].filter((prompt) => !prefilled.has(prompt));
  // Stable: prompts of one length stay in the order of their requests.
  missing.sort((left, right) => left.ids.length - right.ids.length);
  while (missing.length > 0) {
    let count = 1;
    while (count < missing.length && (count + 1) * missing[count]!.ids.length <= prefillTokens) count += 1;
    const batch = missing.splice(0, count);
    const results = await prefillPrompts(config, runner, batch, edited);
    batch.forEach((prompt, position) => prefilled.set(prompt, results[position]!));
  }
}

function startSequence(
  config: DecoderConfig,
  settings: ParsedSampleRequest,
  request: number,
  prompt: PrefilledPrompt,
): Sequence {
  return {
    request,
    settings,
    stopTokens: new Set(settings.stopTokens ?? config.endTokenIds),
    stream: createRandomStream(settings.seed, 'answer'),
    ids: [],
    logProbabilities: [],
    promptLogProbabilities: settings.promptLogProbabilities
      ? (prompt.logProbabilities ?? []).map((token) => ({
          ...token,
          // Another request may have asked for more.
          top: token.top.slice(0, settings.topLogProbabilities),
        }))
      : null,
    last: settings.prompt.at(-1)!,
  };
}

function finishOf(config: DecoderConfig, sequence: Sequence): SampledAnswer['finishReason'] | null {
  const { settings, stopTokens, last, ids } = sequence;
  if (stopTokens.has(last)) return 'stop';
  return ids.length >= settings.maximumTokens || ids.length + settings.prompt.length >= config.context
    ? 'length'
    : null;
}

function toAnswer(sequence: Sequence, finishReason: SampledAnswer['finishReason']): SampledAnswer {
  const { request, ids, settings, logProbabilities, promptLogProbabilities } = sequence;
  return {
    request,
    ids,
    finishReason,
    logProbabilities: settings.logProbabilities ? logProbabilities : null,
    promptLogProbabilities,
  };
}

function parseRequest(config: DecoderConfig, request: SampleRequest, index: number): ParsedSampleRequest {
  const parsed = sampleRequestSchema.safeParse(request);
  if (!parsed.success) {
    const known = Object.keys(sampleRequestSchema.shape);
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `Sampling request ${String(index)}: ${describeProblems(parsed.error, known)}`,
      hint: `Correct the request. Its settings are ${known.join(', ')}.`,
      cause: parsed.error,
    });
  }
  const { prompt } = parsed.data;
  if (prompt.length >= config.context) {
    throw new DriftlineError({
      code: 'row-too-long',
      message: `Sampling request ${String(index)} has a prompt of ${String(prompt.length)} tokens; the model's context of ${String(config.context)} leaves no room for an answer`,
      hint: 'Shorten the prompt.',
    });
  }
  const foreign = prompt.find((id) => id >= config.vocabulary);
  if (foreign !== undefined) {
    throw new DriftlineError({
      code: 'tokenizer-mismatch',
      message: `Sampling request ${String(index)} has the token ${String(foreign)}, and the model's vocabulary ends at ${String(config.vocabulary - 1)}`,
      hint: 'Encode the prompt with the tokenizer of this model.',
    });
  }
  return parsed.data;
}

function badSlots(slots: number): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `Sampling cannot use ${String(slots)} slots`,
    hint: 'Give a whole number of slots, at least 1; 32 is usual.',
  });
}

function stopped(): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: 'Sampling was stopped; the answers so far have been handed out',
    hint: 'Ask for the missing answers again: each depends on its own seed alone.',
  });
}

function notFinite(request: number): DriftlineError {
  return new DriftlineError({
    code: 'engine-failed',
    message: `The model gave no finite probabilities for sampling request ${String(request)}`,
    hint: 'Its weights may hold NaN or infinite values, or an intervention may be too large.',
  });
}
