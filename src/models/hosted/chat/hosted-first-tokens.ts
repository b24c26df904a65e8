import { DriftlineError } from '../../../foundation/driftline-error.js';
import type { Answer, FirstToken, SamplingCall } from '../../sampler.js';
import type { HostedService } from '../../services/hosted-service.js';
import { services } from '../../services/services.js';
import { readCompletion, readServiceLogProbabilities, type HostedRequest } from '../client/hosted-connection.js';

/** What of a request asks for the likeliest first tokens, as many as the service gives; nothing if none are wanted. */
export function askForFirstTokens(
  model: string,
  { likeliest }: Pick<SamplingCall['settings'], 'likeliest'>,
  { title, chat }: HostedService,
): Pick<HostedRequest, 'logprobs' | 'top_logprobs'> {
  if (likeliest === 0) return {};
  const { most } = chat.logProbabilities;
  if (most === 0) throw withoutFirstTokens(model, `${title} gives no log-probabilities`);
  return { logprobs: true, top_logprobs: Math.min(likeliest, most ?? likeliest) };
}

/** A completion as an answer, with its first tokens if they were asked for. */
export function readHostedAnswer(
  completion: unknown,
  model: string,
  { likeliest }: Pick<SamplingCall['settings'], 'likeliest'>,
  service: Pick<HostedService, 'title' | 'chat'>,
): Pick<Answer, 'text' | 'finishReason' | 'tokens' | 'first'> {
  const answer = readCompletion(completion);
  if (likeliest === 0) return answer;
  const distribution = readServiceLogProbabilities(completion, service.chat);
  // Of a text that was withheld, and of one that ended at once, servers tell no tokens.
  if (distribution === null && answer.finishReason !== 'filtered' && answer.text !== '')
    throw withoutFirstTokens(model, `the answer of ${service.title} has none`);
  const first = (distribution ?? []).map(([token, probability]): FirstToken => ({ token, probability }));
  return { ...answer, first };
}

export function withoutFirstTokens(model: string, why: string): DriftlineError {
  const able = Object.values<HostedService>(services).flatMap(({ title, chat }) => {
    const { most } = chat.logProbabilities;
    return most === null || most === 0 ? [] : [`${title} (${String(most)})`];
  });
  return new DriftlineError({
    code: 'provider-refused',
    message: `${model} does not tell the likeliest tokens that its answers may begin with, which next_token and rating read: ${why}`,
    hint: `Models that run here tell them, and those on a cluster, and with so many tokens at most ${able.join(', ')}. Newer models of a service may tell none where its older ones do.`,
    details: { model, lacks: 'log-probabilities' },
  });
}

/** Whether that is why a model was not asked, or its answer is of no use. */
export function lacksFirstTokens(failure: unknown): boolean {
  return DriftlineError.isInstance(failure) && failure.details['lacks'] === 'log-probabilities';
}
