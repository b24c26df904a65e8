import type { ResampledUnit } from './estimate.js';

/** What a test looks for: that the first is larger than the second, smaller, or different. */
export type Alternative = 'two-sided' | 'greater' | 'less';

/** A p-value with what one must know to trust it; plain JSON. */
export interface HypothesisTest {
  /** Above 0, at most 1; null where nothing can be tested. */
  readonly pValue: number | null;
  readonly alternative: Alternative;
  /** Of both sides together. */
  readonly n: number;
  /** What is taken for independent. */
  readonly unit: ResampledUnit;
  readonly method: string;
  /** In plain words; null where there is a p-value. */
  readonly refusal: string | null;
}
