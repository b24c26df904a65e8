import { DriftlineError } from '../foundation/driftline-error.js';
import { optionally, requireNumber, requireOneOf } from '../foundation/require-arguments.js';

const resampledUnits = ['answer', 'question', 'kind', 'model', 'model, then question', 'model and question'] as const;

/** What is assumed independent, and so what an interval generalises to: other answers, other questions, other models. */
export type ResampledUnit = (typeof resampledUnits)[number];

/** Checks of the settings that several functions have. */
export const confidenceSetting = optionally(requireNumber);
export const unitSetting = optionally((value, what) => {
  requireOneOf(value, resampledUnits, what);
});

/**
 * A number with what one must know to trust it; plain JSON. If a method cannot say how sure the number is, `interval`
 * is null and `refusal` says why: no value is ever NaN, and no interval has zero width.
 */
export interface Estimate {
  /** A share 0..1, or a difference of shares -1..1; null if there are no answers. */
  readonly estimate: number | null;
  readonly interval: readonly [low: number, high: number] | null;
  /** Of the interval, such as 0.95. */
  readonly confidence: number;
  /** Answers. */
  readonly n: number;
  /** Successes among them. */
  readonly k: number;
  /** Number of clusters with answers; null if answers are assumed independent. */
  readonly clusters: number | null;
  readonly unit: ResampledUnit;
  /** The method in words, with every choice that the interval depends on. */
  readonly method: string;
  /** Number of resamples drawn; null if nothing was drawn. */
  readonly resamples: number | null;
  /** Seed of the resamples; null if nothing was drawn. */
  readonly seed: number | null;
  /** Why there is no interval, in plain words; null if there is one. */
  readonly refusal: string | null;
}

/** What a test looks for: that the first is larger than the second, smaller, or different. */
export type TestAlternative = 'two-sided' | 'greater' | 'less';

/** A p-value with what one must know to trust it; plain JSON. */
export interface HypothesisTest {
  /** Above 0, at most 1; null if nothing can be tested. */
  readonly pValue: number | null;
  readonly alternative: TestAlternative;
  /** Answers of both sides together. */
  readonly n: number;
  /** What is assumed independent. */
  readonly unit: ResampledUnit;
  readonly method: string;
  /** Why there is no p-value, in plain words; null if there is one. */
  readonly refusal: string | null;
}

/** Throws `usage-invalid` for anything but a test's alternative. */
export function requireAlternative(alternative: TestAlternative): void {
  requireOneOf(alternative, ['two-sided', 'greater', 'less'] satisfies TestAlternative[], 'alternative');
}

/** Throws `usage-invalid` unless the confidence lies between 0 and 1, both excluded. */
export function requireConfidence(confidence: number): void {
  if (confidence > 0 && confidence < 1) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${String(confidence)} is not a confidence`,
    hint: 'Give a number between 0 and 1, such as 0.95.',
  });
}
