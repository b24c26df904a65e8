import { expect } from 'vitest';

import { DriftlineError } from '../../../src/foundation/driftline-error.js';

/** The DriftlineError that an action ends with; anything else fails the test. */
export async function errorOf(action: () => unknown): Promise<DriftlineError> {
  const outcome: unknown = await Promise.resolve()
    .then(action)
    .then(
      () => 'no error was thrown',
      (error: unknown) => error,
    );
  if (!DriftlineError.isInstance(outcome)) throw new Error('expected a DriftlineError', { cause: outcome });
  expect(outcome.hint).toMatch(/^[A-Z].*\.$/s);
  return outcome;
}
