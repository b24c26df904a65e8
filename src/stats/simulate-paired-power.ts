import { DriftlineError } from '../foundation/driftline-error.js';
import { createRandomStream } from '../foundation/random-stream.js';
import { createBetaBinomial } from './beta-binomial.js';
import { pairedInterval } from './paired-interval.js';
import { requireDesign, type PairedDesign } from './paired-power.js';
import { permutationPValue } from './permutation-p-value.js';
import type { ClusterCounts } from './share-counts.js';
import { flipSigns } from './weigh-questions.js';
import { optionally, requireNumber, requireSettings } from '../foundation/require-arguments.js';

export interface SimulationOptions {
  readonly seed: number;
  /** Number of experiments to simulate. Default 200, which takes seconds. */
  readonly repeats?: number;
}

/**
 * The share of simulated experiments that find the difference with the right sign; each has the standard error
 * sqrt(share (1 - share) / repeats).
 */
export interface SimulatedPower {
  /** The interval of `pairedDifference` lies beyond 0 as a whole: the verdict of driftline. */
  readonly interval: number;
  /** The p-value of `pairedDifference`, by flipped signs, is at most 1 - confidence; from 15 questions on with 999 patterns. */
  readonly pValue: number;
}

/**
 * The power of a comparison of a tuned model with its base, counted in experiments whose answers are beta-binomial by
 * question, with independent questions on both sides. The answers of all tuned models to a question are one sum, as in
 * `pairedPower`, whose t test driftline does not make. Null if the two models' questions correlate, or if there is only
 * one question.
 */
export function simulatePairedPower(design: PairedDesign, options: SimulationOptions): SimulatedPower | null {
  requireSettings(options, 'options', { seed: requireNumber, repeats: optionally(requireNumber) });
  const { seed, repeats = 200 } = options;
  const {
    baseRate,
    rate,
    questions,
    samples,
    seeds = 1,
    intraClassCorrelation,
    confidence = 0.95,
  } = requireDesign(design);
  requireRepeats(repeats);
  if (questions < 2 || (design.questionCorrelation ?? 0) > 0) return null;
  const drawBase = createBetaBinomial(samples, baseRate, intraClassCorrelation);
  const drawTuned = createBetaBinomial(samples * seeds, rate, intraClassCorrelation);
  const random = createRandomStream(seed, 'paired power');
  const sign = Math.sign(rate - baseRate) || 1;
  const found = { interval: 0, pValue: 0 };
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const tuned: ClusterCounts[] = [];
    const base: ClusterCounts[] = [];
    for (let question = 0; question < questions; question += 1) {
      const name = String(question);
      tuned.push({ name, successes: drawTuned(random), trials: samples * seeds });
      base.push({ name, successes: drawBase(random), trials: samples });
    }
    const differences = Float64Array.from(
      tuned,
      ({ successes, trials }, question) => sign * (successes / trials - base[question]!.successes / samples),
    );
    const sum = differences.reduce((total, value) => total + value, 0);
    // A difference with the wrong sign, or none, is found by neither.
    if (sum <= 1e-12) continue;
    const { pValue } = permutationPValue(questions, flipSigns(differences), { seed: repeat, permutations: 999 });
    if (pValue <= 1 - confidence + 1e-12) found.pValue += 1;
    const { interval } = sign > 0 ? pairedInterval(tuned, base, confidence) : pairedInterval(base, tuned, confidence);
    if (interval[0] > 0) found.interval += 1;
  }
  return {
    interval: found.interval / repeats,
    pValue: found.pValue / repeats,
  };
}

function requireRepeats(repeats: number): void {
  if (Number.isSafeInteger(repeats) && repeats > 0) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${String(repeats)} experiments cannot be simulated`,
    hint: 'Simulate at least one; 200 are usual.',
  });
}
