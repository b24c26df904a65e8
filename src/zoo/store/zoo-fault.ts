import { DriftlineError } from '../../foundation/driftline-error.js';

/** What is wrong with a zoo that was built, or that somebody sent. */
export function zooFault(
  problem: string,
  hint: string,
  details: Readonly<Record<string, unknown>> = {},
): DriftlineError {
  return new DriftlineError({ code: 'zoo-invalid', message: problem, hint, details });
}
