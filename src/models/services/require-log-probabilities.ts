import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ErrorCode } from '../../foundation/error-codes.js';
import type { HostedService } from './hosted-service.js';

/** Likeliest tokens whose log-probabilities a judge is scored by, as in the paper: most that OpenAI gives. */
export const likeliestTokens = 20;

/** Refuses a judge by log-probabilities at a service of which it is known that it does not give enough of them. */
export function requireLogProbabilities(model: string, { title, chat }: HostedService): void {
  const { most } = chat.logProbabilities;
  if (most === null || most >= likeliestTokens) return;
  const given = most === 0 ? 'none' : `those of the ${String(most)} likeliest tokens at most`;
  throw withoutLogProbabilities(
    model,
    `the score is a mean over the ${String(likeliestTokens)} likeliest, and ${title} gives ${given}`,
    'configuration-invalid',
  );
}

export function withoutLogProbabilities(
  model: string,
  why: string,
  code: ErrorCode = 'provider-refused',
): DriftlineError {
  return new DriftlineError({
    code,
    message: `${model} cannot judge by log-probabilities: ${why}`,
    hint: 'Choose another mode for this judge: samples (the mean of several replies) or single (one written number).',
    details: { model },
  });
}
