import OpenAI from 'openai';
import { z } from 'zod';
import { describeProblems } from '../engine/sample/describe-problems.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { officialEndpoint, readHostedEndpoint } from './hosted-endpoint.js';
import { translateHostedFailure } from './translate-hosted-failure.js';
import {
  listWantedAnswers,
  samplerClosed,
  samplingStopped,
  type Answer,
  type Sampler,
  type WantedAnswer,
} from './sampler.js';

export interface HostedSamplerSettings {
  /** As the provider spells it. */
  readonly model: string;
  /** OPENAI_API_KEY; OPENAI_BASE_URL for other servers of the protocol; OPENAI_ORG_ID, OPENAI_PROJECT_ID. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
}

/** Calls that are open at once. */
const parallelCalls = 8;

/** A model behind OpenAI's chat completions. Every answer is a call of its own, so that each has its own seed. */
export function openHostedSampler({ model, environment, fetch }: HostedSamplerSettings): Sampler {
  const { key, endpoint } = readConnection(environment);
  const client = new OpenAI({
    apiKey: key,
    baseURL: endpoint,
    organization: environment['OPENAI_ORG_ID'] ?? null,
    project: environment['OPENAI_PROJECT_ID'] ?? null,
    adminAPIKey: null,
    webhookSecret: null,
    fetch,
    // Otherwise the client would write to the console whenever OPENAI_LOG says so.
    logLevel: 'off',
  });
  // OpenAI's newer models refuse `max_tokens`; older servers of other makers ignore its successor.
  const lengthSetting = endpoint === officialEndpoint ? 'max_completion_tokens' : 'max_tokens';
  let closed = false;

  async function ask({ request, index, seed, settings }: WantedAnswer, signal: AbortSignal): Promise<Answer> {
    const { messages, temperature, topP, maximumTokens } = settings;
    // The client never takes its listener off the signal that it is given: one for all calls would gather thousands.
    const call = new AbortController();
    const stop = (): void => {
      call.abort();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      const completion = await client.chat.completions.create(
        // OpenAI calls seeds a beta; most other servers honour them.
        // eslint-disable-next-line @typescript-eslint/no-deprecated
        { model, messages, temperature, top_p: topP, seed, [lengthSetting]: maximumTokens },
        { signal: call.signal },
      );
      return { request, index, seed, ...readCompletion(completion) };
    } catch (cause) {
      if (signal.aborted) throw samplingStopped();
      throw translateHostedFailure(cause, { model, endpoint, key });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  return {
    sample: async function* (requests, options = {}) {
      if (closed) throw samplerClosed();
      const waiting = listWantedAnswers(requests);
      const stop = new AbortController();
      const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
      const open = new Map<WantedAnswer, Promise<{ wanted: WantedAnswer; answer: Answer }>>();
      try {
        for (;;) {
          if (signal.aborted) throw samplingStopped();
          for (const wanted of waiting.splice(0, parallelCalls - open.size)) {
            const call = ask(wanted, signal).then((answer) => ({ wanted, answer }));
            // Whoever is not waited for when another call fails must not bring the process down.
            call.catch(() => undefined);
            open.set(wanted, call);
          }
          if (open.size === 0) return;
          const { wanted, answer } = await Promise.race(open.values());
          open.delete(wanted);
          yield answer;
        }
      } finally {
        stop.abort();
      }
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}

function readConnection(environment: HostedSamplerSettings['environment']): { key: string; endpoint: string } {
  const key = environment['OPENAI_API_KEY']?.trim() ?? '';
  if (!/^[\x21-\x7e]+$/.test(key)) {
    // A key with other characters must not be left to fetch to refuse: its message would spell it out.
    throw new DriftlineError({
      code: 'provider-unauthorized',
      message: key === '' ? 'OPENAI_API_KEY is not set' : 'OPENAI_API_KEY has characters that no key has',
      hint: 'Set OPENAI_API_KEY to your key; for a local server that wants none, set it to any word.',
    });
  }
  return { key, endpoint: readHostedEndpoint(environment) };
}

/** Only what is used, and all of it optional that servers of other makers leave out. */
const completionSchema = z.object({
  choices: z.tuple(
    [
      z.object({
        message: z.object({ content: z.string().nullish(), refusal: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    ],
    z.unknown(),
  ),
  usage: z.object({ completion_tokens: z.int().nonnegative().nullish() }).nullish(),
});

function readCompletion(completion: unknown): Pick<Answer, 'text' | 'finishReason' | 'tokens'> {
  const parsed = completionSchema.safeParse(completion);
  if (!parsed.success) {
    throw new DriftlineError({
      code: 'provider-unavailable',
      message: `the server's answer is no chat completion: ${describeProblems(parsed.error, [])}`,
      hint: 'Check that OPENAI_BASE_URL is the address of an OpenAI-compatible server, with /v1 at its end.',
    });
  }
  const { choices, usage } = parsed.data;
  const { message, finish_reason: reason } = choices[0];
  return {
    text: message.content ?? message.refusal ?? '',
    finishReason: reason === 'length' ? 'length' : reason === 'content_filter' ? 'filtered' : 'stop',
    tokens: usage?.completion_tokens ?? null,
  };
}
