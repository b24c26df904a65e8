/** Milliseconds of the first backoff, and of the longest. */
const [firstBackoff, longestBackoff] = [500, 30_000];

/**
 * Milliseconds to wait before a retry: exponential, with jitter, between half and all of a time that doubles. `uniform`
 * draws from [0, 1), and `longest` bounds the wait.
 */
export function chooseBackoff(retries: number, uniform: () => number, longest = longestBackoff): number {
  return Math.min(longest, firstBackoff * 2 ** retries) * (0.5 + uniform() / 2);
}
