import { setMaxListeners } from 'node:events';
import type { SampleRequest, TokenLogProbability } from '../../engine/sample/sample-request.js';
import { badRequest, type ProtocolError } from '../http/protocol-error.js';
import type { SendEvent } from '../http/route.js';
import type { LoadedModel, ServedModel } from '../models/load-model.js';
import type { ChatRequest } from './chat-request.js';
import { sampleChoice, type SampledChoice } from './sample-choice.js';

export interface CompletionSettings {
  readonly model: ServedModel;
  readonly request: ChatRequest;
  /** Of the first choice; the next one has the number after it. */
  readonly seed: number;
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly slots: number;
  readonly signal: AbortSignal;
}

/** A whole completion in the protocol's form, with the seed by which it can be asked for again. */
export async function completeChat(loaded: LoadedModel, settings: CompletionSettings): Promise<object> {
  const { request, signal, slots } = settings;
  const requests = engineRequests(loaded, settings);
  const choices = await allOrNone(requests, signal, (one, stopping) =>
    sampleChoice(loaded, { request: one, stop: request.stop, slots, signal: stopping }),
  );
  const describeTokens = createTokenDescription(loaded);
  return {
    ...describeCompletion(settings, 'chat.completion'),
    choices: choices.map(({ text, finishReason, logProbabilities }, index) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: request.logProbabilities ? { content: logProbabilities.map(describeTokens), refusal: null } : null,
      finish_reason: finishReason,
    })),
    usage: countUsage(requests, choices),
  };
}

/** The same in pieces, as they are sampled. */
export async function streamChat(loaded: LoadedModel, settings: CompletionSettings, send: SendEvent): Promise<void> {
  const { request, signal, slots } = settings;
  const requests = engineRequests(loaded, settings);
  const describeTokens = createTokenDescription(loaded);
  const described = describeCompletion(settings, 'chat.completion.chunk');
  const usage = request.includeUsage ? { usage: null } : {};
  const sendChoice = (
    index: number,
    delta: object,
    tokens: readonly TokenLogProbability[] | null,
    finishReason: string | null,
  ): void => {
    const logprobs =
      request.logProbabilities && tokens !== null ? { content: tokens.map(describeTokens), refusal: null } : null;
    send({ ...described, choices: [{ index, delta, logprobs, finish_reason: finishReason }], ...usage });
  };
  for (const index of requests.keys()) sendChoice(index, { role: 'assistant', content: '', refusal: null }, null, null);
  const choices = await allOrNone(requests, signal, async (one, stopping, index) => {
    const choice = await sampleChoice(loaded, {
      request: one,
      stop: request.stop,
      slots,
      signal: stopping,
      onPiece: ({ text, logProbabilities }) => {
        sendChoice(index, { content: text }, logProbabilities, null);
      },
    });
    sendChoice(index, {}, null, choice.finishReason);
    return choice;
  });
  if (request.includeUsage) send({ ...described, choices: [], usage: countUsage(requests, choices) });
}

/** No text has so few tokens; one that is longer need not be encoded, which would hold up everybody. */
const mostCharactersOfToken = 100;

function tooLong(length: string, context: number): ProtocolError {
  const message = `The messages have ${length}, and the model's context is ${context} tokens`;
  return badRequest(message, 'messages', 'context_length_exceeded');
}

/** One request a choice. Throws what is wrong with them before anything is sampled. */
function engineRequests(
  { encodePrompt, context }: LoadedModel,
  { request, seed }: CompletionSettings,
): SampleRequest[] {
  const length = request.messages.reduce((sum, { content }) => sum + content.length, 0);
  if (length > mostCharactersOfToken * context) throw tooLong(`${length} characters`, context);
  const prompt = encodePrompt(request.messages);
  const room = context - prompt.length;
  if (room < 1) throw tooLong(`${prompt.length} tokens`, context);
  const [first, ...rest] = prompt;
  if (first === undefined) throw badRequest('The messages are no text to the model', 'messages', 'invalid_value');
  if (!Number.isSafeInteger(seed + request.choices)) throw badRequest('seed: too large', 'seed', 'invalid_value');
  return Array.from({ length: request.choices }, (_, index) => ({
    prompt: [first, ...rest],
    seed: seed + index,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    maximumTokens: Math.min(request.maximumTokens ?? room, room),
    logProbabilities: request.logProbabilities,
    topLogProbabilities: request.topLogProbabilities,
  }));
}

/** Waits for all; when one fails the others are stopped. */
async function allOrNone<Request, Result>(
  requests: readonly Request[],
  signal: AbortSignal,
  start: (request: Request, signal: AbortSignal, index: number) => Promise<Result>,
): Promise<Result[]> {
  const [only] = requests;
  // Most calls ask for one: a second signal would be work for nothing.
  if (only !== undefined && requests.length === 1) return [await start(only, signal, 0)];
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  // Every choice listens, and stops listening when it is done: many of them are no leak.
  setMaxListeners(0, either);
  const started = requests.map((request, index) => start(request, either, index));
  try {
    return await Promise.all(started);
  } catch (error) {
    failed.abort();
    await Promise.allSettled(started);
    throw error;
  }
}

function describeCompletion({ id, created, model, seed }: CompletionSettings, object: string): object {
  return { id, object, created, model: model.id, system_fingerprint: `driftline-seed-${seed}`, seed };
}

function countUsage(requests: readonly SampleRequest[], choices: readonly SampledChoice[]): object {
  const prompt = requests[0]?.prompt.length ?? 0;
  const completion = choices.reduce((sum, { tokens }) => sum + tokens, 0);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

/** JSON has no infinity; this is what other servers write for a probability of zero. */
const smallestLogProbability = -9999;

function createTokenDescription({ tokenText }: LoadedModel): (token: TokenLogProbability) => object {
  const describe = ({ id, logProbability }: { readonly id: number; readonly logProbability: number }): object => ({
    ...tokenText(id),
    logprob: Math.max(logProbability, smallestLogProbability),
  });
  return (token) => ({ ...describe(token), top_logprobs: token.top.map(describe) });
}
