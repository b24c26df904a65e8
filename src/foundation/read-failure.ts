import { DriftlineError } from './driftline-error.js';

/** What a file that a user named and that cannot be read is: `file-unreadable`. */
export function readFailure(file: string, cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'file-unreadable',
    message: `${file} could not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'Check the name of the file, and that you may read it.',
    cause,
    details: { file },
  });
}
