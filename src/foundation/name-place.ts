import { DriftlineError } from './driftline-error.js';

/** The same failure with the place where it was met before its message; what is no DriftlineError stays as it is. */
export function namePlace(place: string, cause: unknown): unknown {
  if (!DriftlineError.isInstance(cause)) return cause;
  const { code, message, hint, details } = cause;
  return new DriftlineError({ code, message: `${place}: ${message}`, hint, details, cause });
}
