import { DriftlineError } from './driftline-error.js';

/** Whether something could not be read because it is not there, an error of ours that says so included. */
export function isMissing(cause: unknown): boolean {
  const inner = DriftlineError.isInstance(cause) ? cause.cause : cause;
  return inner instanceof Error && 'code' in inner && (inner.code === 'ENOENT' || inner.code === 'ENOTDIR');
}
