import {
  openHostedConnection,
  type HostedConnectionSettings,
  type HostedRequest,
} from '../client/hosted-connection.js';
import type { HostedService } from '../../services/hosted-service.js';
import { askForFirstTokens, readHostedAnswer, withoutFirstTokens } from './hosted-first-tokens.js';
import { isAboutLogProbabilities } from './open-hosted-judge.js';
import { makeCalls, type CallStops } from '../traffic/make-calls.js';
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
  let closed = false;

  async function ask(
    { request, index, seed, settings }: SamplingCall,
    { signal, leave, isStopped }: CallStops,
  ): Promise<Answer> {
    try {
      const call = describeSamplingCall(model, { seed, settings }, connection.service);
      const completion = await connection.completeWithinLimit(call, settings.maximumTokens, signal, leave);
      return { request, index, seed, ...readHostedAnswer(completion, model, settings, connection.service) };
    } catch (cause) {
      if (isStopped()) throw samplerStopped();
      if (settings.likeliest > 0 && isAboutLogProbabilities(cause))
        throw withoutFirstTokens(model, `${connection.host} refused to give them`);
      throw connection.explain(cause, model);
    }
  }

  return {
    sample: async function* (requests, options = {}) {
      if (closed) throw samplerClosed();
      yield* makeCalls(listSamplingCalls(requests, options), ask, options);
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
