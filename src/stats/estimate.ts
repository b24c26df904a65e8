import { DriftlineError } from '../foundation/driftline-error.js';

/** What is taken for independent, and so what an interval says about: other answers, other questions, other models. */
export type ResampledUnit = 'answer' | 'question' | 'model' | 'model, then question' | 'model and question';

/**
 * A number with what one must know to trust it; plain JSON. Where a method cannot say how sure the number is, `interval` is null and
 * `refusal` says why: no value is ever NaN, and no interval has zero width.
 */
export interface Estimate {
  /** A share 0..1, or a difference of shares -1..1; null where there are no answers. */
  readonly estimate: number | null;
  readonly interval: readonly [low: number, high: number] | null;
  /** Of the interval, such as 0.95. */
  readonly confidence: number;
  /** Answers. */
  readonly n: number;
  /** Successes among them. */
  readonly k: number;
  /** Clusters with answers; null where answers were taken for independent. */
  readonly clusters: number | null;
  readonly unit: ResampledUnit;
  /** In words, with every choice that it depends on. */
  readonly method: string;
  /** Drawn; null where nothing was drawn. */
  readonly resamples: number | null;
  /** Null where nothing was drawn. */
  readonly seed: number | null;
  /** In plain words; null where there is an interval. */
  readonly refusal: string | null;
}

/** What a test looks for: that the first is larger than the second, smaller, or different. */
export type TestAlternative = 'two-sided' | 'greater' | 'less';

/** A p-value with what one must know to trust it; plain JSON. */
export interface HypothesisTest {
  /** Above 0, at most 1; null where nothing can be tested. */
  readonly pValue: number | null;
  readonly alternative: TestAlternative;
  /** Of both sides together. */
  readonly n: number;
  /** What is taken for independent. */
  readonly unit: ResampledUnit;
  readonly method: string;
  /** In plain words; null where there is a p-value. */
  readonly refusal: string | null;
}

/** A confidence must lie between 0 and 1, both excluded; else it is `usage-invalid`. */
export function requireConfidence(confidence: number): void {
  if (confidence > 0 && confidence < 1) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${String(confidence)} is not a confidence`,
    hint: 'Give a number between 0 and 1, such as 0.95.',
  });
}
