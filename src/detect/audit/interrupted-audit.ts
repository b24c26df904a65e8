import { DriftlineError } from '../../foundation/driftline-error.js';

/** A stop on request: what was done so far is kept. */
export function interruptedAudit(folder: string, cause?: unknown): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: `stopped on request; what was asked so far is in ${folder}`,
    hint: 'Run the same command again: it goes on from there.',
    cause,
    details: { folder },
  });
}
