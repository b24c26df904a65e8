import { setMaxListeners } from 'node:events';
import {
  openHostedConnection,
  type HostedConnectionSettings,
  type HostedRequest,
} from '../client/hosted-connection.js';
import { boundTokens } from '../spending/hosted-prices.js';
import type { HostedService } from '../../services/hosted-service.js';
import { askForFirstTokens, readHostedAnswer, withoutFirstTokens } from './hosted-first-tokens.js';
import { isAboutLogProbabilities } from './open-hosted-judge.js';
import { mostOpenCalls } from '../traffic/rate-limiter.js';
import {
  listSamplingCalls,
  samplerClosed,
  samplerStopped,
  type Answer,
  type Sampler,
  type SamplingCall,
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
    { request, index, seed, settings }: SamplingCall,
    signal: AbortSignal,
    leave: AbortSignal,
    isLeft: () => boolean,
  ): Promise<Answer> {
    try {
      const call = describeSamplingCall(model, { seed, settings }, connection.service);
      const complete = () => connection.complete(call, settings.maximumTokens, signal, leave);
      const completion = await (meter === undefined
        ? complete()
        : meter.hold(() => boundTokens(call, settings.maximumTokens), leave, complete));
      return { request, index, seed, ...readHostedAnswer(completion, model, settings, connection.service) };
    } catch (cause) {
      if (signal.aborted || isLeft()) throw samplerStopped();
      if (settings.likeliest > 0 && isAboutLogProbabilities(cause))
        throw withoutFirstTokens(model, `${connection.host} refused to give them`);
      throw connection.explain(cause, model);
    }
  }

  return {
    sample: async function* (requests, options = {}) {
      if (closed) throw samplerClosed();
      const waiting = listSamplingCalls(requests, options).values();
      const stop = new AbortController();
      const signal = options.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, options.signal]);
      // It changes between two awaits, which a type does not know.
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

      /** Once a call fails, no other is begun; open calls are waited for, since they are paid for. */
      async function work(wanted: SamplingCall): Promise<void> {
        try {
          finished.push(await ask(wanted, signal, leave, isLeft));
        } catch (cause) {
          failures.push(cause);
          failed.abort();
        }
        open -= 1;
        wake();
      }

      /** As many as the rate limiter may ever open: it alone decides how many are open. */
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
          if (isStopped()) throw samplerStopped();
          begin();
          // One by one: more may finish while the caller has an answer in hand.
          for (let answer = finished.shift(); answer !== undefined; answer = finished.shift()) {
            yield answer;
            if (isStopped()) throw samplerStopped();
            begin();
          }
          if (open === 0) break;
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (finished.length > 0) resolve();
          });
        }
        if (failures.length > 0) throw failures[0];
        if (isLeft()) throw samplerStopped();
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

/** The request for one answer, by a single call or in a batch. */
export function describeSamplingCall(
  model: string,
  { seed, settings }: Pick<SamplingCall, 'seed' | 'settings'>,
  service: HostedService,
): HostedRequest {
  const { messages, temperature, topP } = settings;
  const first = askForFirstTokens(model, settings, service);
  // OpenAI calls seeds a beta; most other servers honour them.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  return { model, messages, temperature, top_p: topP, seed, ...first };
}
