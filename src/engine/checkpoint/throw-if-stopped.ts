import { DriftlineError } from '../../foundation/driftline-error.js';

/** Ends work that was asked to stop; `activity` completes "stopped while ...". */
export function throwIfStopped(signal: AbortSignal | undefined, activity: string): void {
  if (!signal?.aborted) return;
  throw new DriftlineError({
    code: 'interrupted',
    message: `stopped while ${activity}`,
    hint: 'Start again to continue.',
    cause: signal.reason,
  });
}
