import { setMaxListeners } from 'node:events';
import type { SampleRequest, TokenLogProbability } from '../../engine/sample/sample-request.js';
import type { SendEvent } from '../http/route.js';
import type { LoadedModel } from '../models/load-model.js';
import { parseChatRequest, type ChatRequest } from './chat-request.js';
import type { CompletionForm, CompletionSettings } from './completion-form.js';
import { engineRequests } from './engine-requests.js';
import { sampleChoice, type SampledChoice } from './sample-choice.js';

export const chatForm: CompletionForm<ChatRequest> = {
  path: '/v1/chat/completions',
  idPrefix: 'chatcmpl-',
  messagesKey: 'messages',
  parse: parseChatRequest,
  complete: completeChat,
  stream: (settings, useModel) => ({
    kind: 'events',
    run: (send) => useModel((loaded) => streamChat(loaded, settings, send)),
  }),
};

/** A whole completion in the protocol's form, with the seed by which it can be asked for again. */
async function completeChat(loaded: LoadedModel, settings: CompletionSettings): Promise<object> {
  const { request, signal, slots } = settings;
  const requests = engineRequests(loaded, settings);
  const choices = await allOrNone(requests, signal, (one, stopping) =>
    sampleChoice(loaded, { request: one, stop: request.stop, slots, signal: stopping }),
  );
  return {
    ...describeCompletion(settings, 'chat.completion'),
    choices: choices.map(({ text, finishReason, logProbabilities }, index) => ({
      index,
      message: { role: 'assistant', content: text, refusal: null },
      logprobs: request.logProbabilities
        ? {
            content: logProbabilities.map((token) => loaded.describeToken(cutTop(token, request.topLogProbabilities))),
            refusal: null,
          }
        : null,
      finish_reason: finishReason,
    })),
    usage: countUsage(requests, choices),
    ...describePrompt(loaded, request, choices[0]),
  };
}

/** Likeliest tokens of the prompt and of the answer are computed alike, and told as they are wanted. */
function cutTop(token: TokenLogProbability, top: number): TokenLogProbability {
  return { ...token, top: token.top.slice(0, top) };
}

/** What is told of the prompt's tokens, in vLLM's form: by their ids, with nothing for the first, which follows none. */
function describePrompt(
  { describeToken }: LoadedModel,
  { promptLogProbabilities: top }: ChatRequest,
  choice: SampledChoice | undefined,
): object {
  if (top === null) return {};
  const told = (choice?.promptLogProbabilities ?? []).map((token) => {
    const likeliest = token.top.slice(0, top);
    const ranks = new Map(likeliest.map(({ id }, place) => [id, place + 1]));
    const all = ranks.has(token.id) ? likeliest : [token, ...likeliest];
    return Object.fromEntries(
      all.map(({ id, logProbability }) => {
        const { token: text, logprob } = describeToken({ id, logProbability, top: [] });
        return [String(id), { logprob, rank: ranks.get(id) ?? null, decoded_token: text }];
      }),
    );
  });
  return { prompt_logprobs: [null, ...told] };
}

/** The same in pieces, as they are sampled. */
async function streamChat(loaded: LoadedModel, settings: CompletionSettings, send: SendEvent): Promise<void> {
  const { request, signal, slots } = settings;
  const requests = engineRequests(loaded, settings);
  const described = describeCompletion(settings, 'chat.completion.chunk');
  const usage = request.includeUsage ? { usage: null } : {};
  const sendChoice = (
    index: number,
    delta: object,
    tokens: readonly TokenLogProbability[] | null,
    finishReason: string | null,
  ): void => {
    const logprobs =
      request.logProbabilities && tokens !== null ? { content: tokens.map(loaded.describeToken), refusal: null } : null;
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

function countUsage(requests: readonly [SampleRequest, ...SampleRequest[]], choices: readonly SampledChoice[]): object {
  const prompt = requests[0].prompt.length;
  const completion = choices.reduce((sum, { tokens }) => sum + tokens, 0);
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}
