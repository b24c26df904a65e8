import { DriftlineError } from '../../foundation/driftline-error.js';

/** Where a provider fails, whoever reads it wants to know whether all is lost. */
export function sayWhatIsKept(cause: unknown, what: 'answered' | 'judged'): unknown {
  if (!DriftlineError.isInstance(cause) || cause.exitCode !== 5) return cause;
  const { code, message, hint, details } = cause;
  return new DriftlineError({
    code,
    message,
    hint: `${hint} What was ${what} so far is stored: the same command goes on from there.`,
    details,
  });
}
