import { DriftlineError } from '../foundation/driftline-error.js';
import { noncentralStudentCumulative, studentQuantile } from './student-distribution.js';
import { normalCumulative, normalQuantile } from './normal-distribution.js';
import { confidenceSetting, requireConfidence } from './estimate.js';
import {
  type ArgumentCheck,
  optionally,
  requireNumber,
  requireOneOf,
  requireSettings,
} from '../foundation/require-arguments.js';

/** A comparison of a tuned model with its base on the same questions. */
export interface PairedDesign {
  /** The share of the base, 0..1. */
  readonly baseRate: number;
  /** The share of the tuned model. */
  readonly rate: number;
  readonly questions: number;
  /** Answers of a model to each question. */
  readonly samples: number;
  /** Number of tuned models whose answers are counted together. Default 1. They are assumed to differ only by sampling. */
  readonly seeds?: number;
  /** Correlation of two answers of a model to one question, 0..1. */
  readonly intraClassCorrelation: number;
  /** Correlation, over questions, of the two models' shares, 0..1. Default 0, the conservative choice. */
  readonly questionCorrelation?: number;
  /** Confidence of the two-sided test. Default 0.95. */
  readonly confidence?: number;
}

/**
 * What is claimed if the test succeeds: `questions`, a difference on all questions of which these are a sample (paired
 * t test of the differences by question); `answers`, a difference on these very questions (normal test, questions as
 * strata).
 */
export type PowerScope = 'questions' | 'answers';

export interface Power {
  /** The chance that the two-sided test finds the difference with the right sign, 0..1; null if there is no such test. */
  readonly power: number | null;
  /** The standard error of the difference rate - baseRate. */
  readonly standardError: number;
}

/**
 * The power of the comparison of a tuned model with its base on the same questions. With the rates p0, p1, v = p (1 - p), correlation r of
 * answers to one question and c of shares over questions, K questions, m answers and s seeds, the difference has the variance
 *   ((1 - r) (v0 / m + v1 / (s m)) + [r (v0 + v1 - 2 c sqrt(v0 v1))]) / K,
 * of which the bracket counts for the scope `questions` only. The power is the chance that Student's noncentral t with K - 1 degrees of
 * freedom (or the normal distribution) lies beyond the test's quantile on the side of the difference. Shares are not normal: with few
 * questions and small rates it is off by what docs/statistics.md shows. `pairedDifference` makes no t test:
 * `simulatePairedPower` counts how often its own interval and p-value find the difference. Design effect: Kish 1965,
 * Survey Sampling, 8.2.
 */
export function pairedPower(design: PairedDesign, scope: PowerScope): Power {
  const { rate, baseRate, questions, confidence = 0.95 } = requireDesign(design);
  requireOneOf(scope, ['questions', 'answers'] satisfies PowerScope[], 'scope');
  const standardError = standardErrorOf(design, scope);
  const difference = Math.abs(rate - baseRate);
  const probability = (1 + confidence) / 2;
  if (scope === 'questions' && questions < 2) return { power: null, standardError };
  if (standardError === 0) return { power: difference > 0 ? 1 : (1 - confidence) / 2, standardError };
  const effect = difference / standardError;
  if (scope === 'answers') return { power: normalCumulative(effect - normalQuantile(probability)), standardError };
  const degrees = questions - 1;
  return {
    power: 1 - noncentralStudentCumulative(studentQuantile(probability, degrees), degrees, effect),
    standardError,
  };
}

function standardErrorOf(design: PairedDesign, scope: PowerScope): number {
  const { baseRate, rate, questions, samples, seeds = 1, intraClassCorrelation, questionCorrelation = 0 } = design;
  const [base, tuned] = [baseRate * (1 - baseRate), rate * (1 - rate)];
  const within = (1 - intraClassCorrelation) * (base / samples + tuned / (seeds * samples));
  // Rounding must not make it negative.
  const between = intraClassCorrelation * Math.max(0, base + tuned - 2 * questionCorrelation * Math.sqrt(base * tuned));
  return Math.sqrt((within + (scope === 'questions' ? between : 0)) / questions);
}

/** What a design needs to reach a power: each number with everything else unchanged; null if no number is enough. */
export interface PowerNeeds {
  readonly power: number;
  readonly questions: number | null;
  readonly samples: number | null;
  /**
   * The rate nearest to the base's that is found with this power, on the side of the design's rate (above, if they are equal); null if none
   * is.
   */
  readonly detectableRate: number | null;
}

/** The end of the search, more than anyone asks. */
const mostNeeded = 1_000_000;

/**
 * What a design needs for a power, 0.8 if none is given, by `pairedPower` with one number changed after the other: up to a million
 * questions or answers, and to a rate of 1, or of 0 where the design's rate is below the base's.
 */
export function pairedPowerNeeds(design: PairedDesign, scope: PowerScope, power = 0.8): PowerNeeds {
  requireDesign(design);
  requireConfidence(power);
  const reaches = (changes: Partial<PairedDesign>): boolean =>
    (pairedPower({ ...design, ...changes }, scope).power ?? 0) >= power;
  const reachesRate = (rate: number): boolean => reaches({ rate });
  return {
    power,
    questions: smallestWhole((questions) => reaches({ questions })),
    samples: smallestWhole((samples) => reaches({ samples })),
    detectableRate: nearestRate(reachesRate, design.baseRate, design.rate < design.baseRate ? 0 : 1),
  };
}

/** The smallest whole number from 1 on that is enough, if every larger number is enough, too. */
function smallestWhole(isEnough: (count: number) => boolean): number | null {
  if (!isEnough(mostNeeded)) return null;
  let [low, high] = [0, mostNeeded];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** The rate nearest to `from` in the direction of `end` that is enough, if all beyond are. */
function nearestRate(isEnough: (rate: number) => boolean, from: number, end: 0 | 1): number | null {
  if (!isEnough(end)) return null;
  let [near, far]: [number, number] = [from, end];
  while (Math.abs(far - near) > 1e-6) {
    const middle = (near + far) / 2;
    if (isEnough(middle)) far = middle;
    else near = middle;
  }
  return far;
}

const designSettings = {
  baseRate: requireNumber,
  rate: requireNumber,
  questions: requireNumber,
  samples: requireNumber,
  seeds: optionally(requireNumber),
  intraClassCorrelation: requireNumber,
  questionCorrelation: optionally(requireNumber),
  confidence: confidenceSetting,
} satisfies Readonly<Record<keyof PairedDesign, ArgumentCheck>>;

/** Throws `usage-invalid` unless the design is complete and in range; returns it. */
export function requireDesign(design: PairedDesign): PairedDesign {
  requireSettings(design, 'design', designSettings);
  const { baseRate, rate, questions, samples, seeds = 1, intraClassCorrelation, questionCorrelation = 0 } = design;
  const shares = { baseRate, rate, intraClassCorrelation, questionCorrelation };
  for (const [name, value] of Object.entries(shares))
    if (!(value >= 0 && value <= 1)) throw invalid(`${name} is ${String(value)}`, 'Give a number from 0 to 1.');
  for (const [name, value] of Object.entries({ questions, samples, seeds }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw invalid(`${name} is ${String(value)}`, 'Give a whole number of at least 1.');
  requireConfidence(design.confidence ?? 0.95);
  return design;
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
