/** |value - reference| / |reference|, or |value| where the reference is 0. */
export function relativeError(value: number, reference: number): number {
  return Math.abs(value - reference) / (reference === 0 ? 1 : Math.abs(reference));
}
