import { DriftlineError } from '../../foundation/driftline-error.js';

/** A transform asks of the rows what they do not have; which set and transform it was is said by whoever applies it. */
export function transformFault(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'configuration-invalid', message, hint });
}
