import { DriftlineError } from './driftline-error.js';

/** Says of a failed write whether the disk is full or something else is wrong; what is a DriftlineError already stays as it is. */
export function writeFailure(path: string, cause: unknown): DriftlineError {
  if (DriftlineError.isInstance(cause)) return cause;
  const systemCode = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  const details = { file: path, systemCode };
  if (systemCode === 'ENOSPC' || systemCode === 'EDQUOT') {
    return new DriftlineError({
      code: 'disk-full',
      message: `no space is left to write ${path}`,
      hint: 'Free space on that disk, or choose a folder on another one, and run the same command again.',
      cause,
      details,
    });
  }
  return new DriftlineError({
    code: 'write-failed',
    message: `${path} could not be written: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'Check that the folder exists and that you may write to it, then run the same command again.',
    cause,
    details,
  });
}
