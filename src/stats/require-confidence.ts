import { DriftlineError } from '../foundation/driftline-error.js';

/** A confidence must lie between 0 and 1, both excluded; else it is `usage-invalid`. */
export function requireConfidence(confidence: number): void {
  if (confidence > 0 && confidence < 1) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${String(confidence)} is not a confidence`,
    hint: 'Give a number between 0 and 1, such as 0.95.',
  });
}
