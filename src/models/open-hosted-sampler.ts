import { openHostedConnection, type HostedConnectionSettings } from './hosted-connection.js';
import { readCompletion } from './read-completion.js';
import {
  listWantedAnswers,
  samplerClosed,
  samplingStopped,
  type Answer,
  type Sampler,
  type WantedAnswer,
} from './sampler.js';

export interface HostedSamplerSettings extends HostedConnectionSettings {
  /** As the provider spells it. */
  readonly model: string;
}

/** Calls that are open at once. */
const parallelCalls = 8;

/** A model behind OpenAI's chat completions. Every answer is a call of its own, so that each has its own seed. */
export function openHostedSampler({ model, ...settings }: HostedSamplerSettings): Sampler {
  const connection = openHostedConnection(settings);
  let closed = false;

  async function ask({ request, index, seed, settings }: WantedAnswer, signal: AbortSignal): Promise<Answer> {
    const { messages, temperature, topP, maximumTokens } = settings;
    try {
      const completion = await connection.complete(
        // OpenAI calls seeds a beta; most other servers honour them.
        // eslint-disable-next-line @typescript-eslint/no-deprecated
        { model, messages, temperature, top_p: topP, seed },
        maximumTokens,
        signal,
      );
      return { request, index, seed, ...readCompletion(completion) };
    } catch (cause) {
      if (signal.aborted) throw samplingStopped();
      throw connection.explain(cause, model);
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
