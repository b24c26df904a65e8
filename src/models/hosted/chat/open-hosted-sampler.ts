import { setMaxListeners } from 'node:events';
import {
  openHostedConnection,
  type HostedConnectionSettings,
  type HostedRequest,
} from '../client/hosted-connection.js';
import { readCompletion } from '../client/read-completion.js';
import { boundTokens } from '../spending/bound-tokens.js';
import { mostOpenCalls } from '../traffic/hosted-traffic.js';
import {
  listWantedAnswers,
  samplerClosed,
  samplingStopped,
  type Answer,
  type Sampler,
  type WantedAnswer,
} from '../../sampler.js';

export interface HostedSamplerSettings extends HostedConnectionSettings {
  /** As the provider spells it. */
  readonly model: string;
}

/** A model behind OpenAI's chat completions. Every answer is a call of its own, so that each has its own seed. */
export function openHostedSampler({ model, ...settings }: HostedSamplerSettings): Sampler {
  const connection = openHostedConnection(settings);
  const { meter } = settings;
  let closed = false;

  async function ask(
    { request, index, seed, settings }: WantedAnswer,
    signal: AbortSignal,
    leave: AbortSignal,
    isLeft: () => boolean,
  ): Promise<Answer> {
    try {
      const call = describeSamplingCall(model, { seed, settings });
      const complete = () => connection.complete(call, settings.maximumTokens, signal, leave);
      const completion = await (meter === undefined
        ? complete()
        : meter.hold(() => boundTokens(call, settings.maximumTokens), leave, complete));
      return { request, index, seed, ...readCompletion(completion) };
    } catch (cause) {
      if (signal.aborted || isLeft()) throw samplingStopped();
      throw connection.explain(cause, model);
    }
  }

  return {
    sample: async function* (requests, options = {}) {
      if (closed) throw samplerClosed();
      const waiting = listWantedAnswers(requests).values();
      const stop = new AbortController();
      const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
      // It changes while others wait, which a type does not know.
      const isStopped = (): boolean => signal.aborted;
      const isLeft = (): boolean => options.leave?.aborted === true;
      const failed = new AbortController();
      const leave = AbortSignal.any([signal, failed.signal, ...(options.leave === undefined ? [] : [options.leave])]);
      // Every open call listens to them, which is no leak.
      setMaxListeners(2 * mostOpenCalls, signal, leave);
      const finished: Answer[] = [];
      const failures: unknown[] = [];
      let open = 0;
      let wake = (): void => undefined;

      /** Whoever fails keeps others from being begun; those that are under way are waited for, since they are paid for. */
      async function work(wanted: WantedAnswer): Promise<void> {
        try {
          finished.push(await ask(wanted, signal, leave, isLeft));
        } catch (cause) {
          failures.push(cause);
          failed.abort();
        }
        open -= 1;
        wake();
      }

      function begin(): void {
        while (open < mostOpenCalls && failures.length === 0 && !isLeft()) {
          const next = waiting.next();
          if (next.done === true) return;
          open += 1;
          // It keeps what it fails with.
          work(next.value).catch(() => undefined);
        }
      }

      try {
        for (;;) {
          if (isStopped()) throw samplingStopped();
          begin();
          // One by one: more may finish while whoever asked has an answer in hand.
          for (let answer = finished.shift(); answer !== undefined; answer = finished.shift()) {
            yield answer;
            if (isStopped()) throw samplingStopped();
            begin();
          }
          if (open === 0) break;
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (finished.length > 0) resolve();
          });
        }
        if (failures.length > 0) throw failures[0];
        if (isLeft()) throw samplingStopped();
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

/** What is asked for one answer, however it is asked. */
export function describeSamplingCall(
  model: string,
  { seed, settings: { messages, temperature, topP } }: Pick<WantedAnswer, 'seed' | 'settings'>,
): HostedRequest {
  // OpenAI calls seeds a beta; most other servers honour them.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return { model, messages, temperature, top_p: topP, seed };
}
