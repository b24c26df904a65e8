import { describe, expect, it } from 'vitest';
import { noncentralStudentCumulative, studentQuantile } from '../../src/stats/student-distribution.js';
import { pairedPower, pairedPowerNeeds, type PairedDesign } from '../../src/stats/paired-power.js';
import { simulatePairedPower } from '../../src/stats/simulate-paired-power.js';
import { createBetaBinomial } from '../../src/stats/beta-binomial.js';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { pairedDifference } from '../../src/stats/paired-difference.js';
import { leastPValue } from '../../src/stats/permutation-p-value.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { clustersOf } from './some-clusters.js';

const design: PairedDesign = { baseRate: 0.01, rate: 0.05, questions: 8, samples: 50, intraClassCorrelation: 0.25 };

/** The share of simulated experiments in which a paired t test by question finds the difference. */
function countTTests({ baseRate, rate, questions, samples, intraClassCorrelation }: PairedDesign, repeats: number) {
  const [drawTuned, drawBase] = [rate, baseRate].map((share) =>
    createBetaBinomial(samples, share, intraClassCorrelation),
  );
  const quantile = studentQuantile(0.975, questions - 1);
  const random = createRandomStream(0, 't tests');
  let found = 0;
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const differences = Array.from({ length: questions }, () => (drawTuned!(random) - drawBase!(random)) / samples);
    const sum = differences.reduce((total, value) => total + value, 0);
    const squares = differences.reduce((total, value) => total + value ** 2, 0);
    const spread = Math.max(0, squares - sum ** 2 / questions) / (questions - 1);
    if (spread > 1e-18 && sum / questions > quantile * Math.sqrt(spread / questions)) found += 1;
  }
  return found / repeats;
}

describe('noncentralStudentCumulative', () => {
  // SciPy 1.17.1: nct.cdf(value, degrees, noncentrality); t.cdf(2, 3) for the last
  it.each([
    [2.364624, 7, 1.04, 0.8546161195506687],
    [2, 1, 0.5, 0.7484855842392901],
    [12.7062, 1, 3, 0.813891858073494],
    [1.98, 99, 2.8, 0.20697098589328036],
    [-2, 7, 1, 0.004349775981635381],
    [2, 3, 0, 0.9303370157205785],
  ])('of %d with %i degrees of freedom and %d is that of SciPy', (value, degrees, noncentrality, expected) => {
    // Half a unit of that decimal.
    expect(noncentralStudentCumulative(value, degrees, noncentrality)).toBeCloseTo(expected, degrees < 3 ? 6 : 9);
  });
});

describe('pairedPower', () => {
  it("is that of a paired t test with the design's standard error", () => {
    // By hand: v0 = 0.0099, v1 = 0.0475, r = 0.25: (0.75 (v0 + v1) / 50 + 0.25 (v0 + v1)) / 8. SciPy 1.17.1:
    // nct.sf(t.ppf(.975, 7), 7, .04 / error)
    const error = Math.sqrt((0.75 * (0.0574 / 50) + 0.25 * 0.0574) / 8);
    const result = pairedPower(design, 'questions');
    expect(result.standardError).toBeCloseTo(error, 14);
    expect(result.power).toBeCloseTo(0.12253743963467244, 8);
    // On these very questions what they differ in does not count: norm.sf(norm.ppf(.975) - .04 / error)
    const fixed = pairedPower(design, 'answers');
    expect(fixed.standardError).toBeCloseTo(Math.sqrt((0.75 * (0.0574 / 50)) / 8), 14);
    expect(fixed.power).toBeCloseTo(0.9710026217835016, 10);
  });

  it('is the level for no difference, and the same with the rates turned around', () => {
    const equal = { ...design, baseRate: 0.05 };
    expect(pairedPower(equal, 'questions').power).toBeCloseTo(0.025, 9);
    expect(pairedPower(equal, 'answers').power).toBeCloseTo(0.025, 9);
    const turned = { ...design, baseRate: 0.05, rate: 0.01 };
    expect(pairedPower(turned, 'questions').power).toBeCloseTo(pairedPower(design, 'questions').power!, 12);
  });

  it('rises with questions, answers, seeds, alike questions and the rate, and falls with the correlation of answers', () => {
    for (const scope of ['questions', 'answers'] as const) {
      const powerOf = (changes: Partial<PairedDesign>) =>
        pairedPower({ ...design, rate: 0.04, ...changes }, scope).power!;
      expect(powerOf({ questions: 16 })).toBeGreaterThan(powerOf({}));
      expect(powerOf({ samples: 100 })).toBeGreaterThan(powerOf({}));
      expect(powerOf({ seeds: 2 })).toBeGreaterThan(powerOf({}));
      expect(powerOf({ rate: 0.1 })).toBeGreaterThan(powerOf({}));
    }
    expect(pairedPower({ ...design, questionCorrelation: 0.5 }, 'questions').power).toBeGreaterThan(
      pairedPower(design, 'questions').power!,
    );
    expect(pairedPower({ ...design, intraClassCorrelation: 0.1 }, 'questions').power).toBeGreaterThan(
      pairedPower(design, 'questions').power!,
    );
  });

  it('has none with one question, where questions are a sample', () => {
    expect(pairedPower({ ...design, questions: 1 }, 'questions').power).toBeNull();
    expect(pairedPower({ ...design, questions: 1 }, 'answers').power).toBeGreaterThan(0);
  });

  it.each<[PairedDesign, number]>([
    // What the docs say: where shares are far from 0, or questions many, the formula is right to a few points ...
    [{ baseRate: 0.2, rate: 0.3, questions: 30, samples: 100, intraClassCorrelation: 0.1 }, 0.03],
    [{ baseRate: 0.1, rate: 0.4, questions: 8, samples: 50, intraClassCorrelation: 0.25 }, 0.05],
    [{ baseRate: 0.05, rate: 0.1, questions: 50, samples: 20, intraClassCorrelation: 0.1 }, 0.05],
    [{ ...design, questions: 80 }, 0.08],
    // ... and too hopeful where hardly a question of few shows anything.
    [design, 0.12],
  ])('of %j is that of simulated t tests, nearly', (one, tolerance) => {
    const simulated = countTTests(one, 3000);
    expect(Math.abs(simulated - pairedPower(one, 'questions').power!)).toBeLessThan(tolerance);
  });

  it('is not that of the p-value by flipped signs, which few questions keep from ever being small', () => {
    const five = { ...design, rate: 0.5, questions: 5 };
    expect(leastPValue(5)).toBe(0.0625);
    expect(pairedPower(five, 'questions').power).toBeGreaterThan(0.85);
    const simulated = simulatePairedPower(five, { seed: 0, repeats: 100 })!;
    expect(simulated.pValue).toBe(0);
    expect(simulated.interval).toBeGreaterThan(0.7);
    // With a level that five questions can reach, they do.
    expect(simulatePairedPower({ ...five, confidence: 0.9 }, { seed: 0, repeats: 100 })!.pValue).toBeGreaterThan(0.7);
  });

  it('simulated is how often pairedDifference finds the difference, on whichever side it is', () => {
    const clear = { ...design, baseRate: 0.1, rate: 0.5 };
    const up = simulatePairedPower(clear, { seed: 3, repeats: 40 })!;
    const draw = [createBetaBinomial(50, 0.5, 0.25), createBetaBinomial(50, 0.1, 0.25)];
    const random = createRandomStream(3, 'paired power');
    let [intervals, pValues] = [0, 0];
    for (let repeat = 0; repeat < 40; repeat += 1) {
      const counts = Array.from({ length: 8 }, () => draw.map((one) => one(random)));
      const [tuned, base] = [0, 1].map((side) => clustersOf(...counts.map((one) => [one[side]!, 50] as const)));
      const { interval, pValue } = pairedDifference(tuned!, base!, { seed: 0 });
      if (interval![0] > 0) intervals += 1;
      if (pValue! <= 0.05) pValues += 1;
    }
    expect([up.interval, up.pValue]).toEqual([intervals / 40, pValues / 40]);
    const down = simulatePairedPower({ ...clear, baseRate: 0.5, rate: 0.1 }, { seed: 3, repeats: 40 })!;
    expect(down.interval).toBeGreaterThan(0.5);
    expect(simulatePairedPower({ ...clear, questions: 1 }, { seed: 0 })).toBeNull();
  });

  it.each([
    { baseRate: -0.1 },
    { rate: 1.1 },
    { questions: 0 },
    { samples: 1.5 },
    { seeds: 0 },
    { intraClassCorrelation: NaN },
    { questionCorrelation: 2 },
    { confidence: 1 },
  ])('refuses %j', async (changes) => {
    expect((await errorOf(() => pairedPower({ ...design, ...changes }, 'answers'))).code).toBe('usage-invalid');
  });
});

describe('pairedPowerNeeds', () => {
  it('finds the smallest numbers that reach the power', () => {
    const needs = pairedPowerNeeds(design, 'answers');
    const powerOf = (changes: Partial<PairedDesign>) => pairedPower({ ...design, ...changes }, 'answers').power!;
    expect(powerOf({ questions: needs.questions! })).toBeGreaterThanOrEqual(0.8);
    expect(powerOf({ questions: needs.questions! - 1 })).toBeLessThan(0.8);
    expect(powerOf({ samples: needs.samples! })).toBeGreaterThanOrEqual(0.8);
    expect(powerOf({ samples: needs.samples! - 1 })).toBeLessThan(0.8);
    expect(powerOf({ rate: needs.detectableRate! })).toBeCloseTo(0.8, 3);
  });

  it('knows where no number of answers is enough', () => {
    const needs = pairedPowerNeeds(design, 'questions');
    expect(needs.samples).toBeNull();
    expect(pairedPower({ ...design, questions: needs.questions! }, 'questions').power).toBeGreaterThanOrEqual(0.8);
    expect(pairedPower({ ...design, questions: needs.questions! - 1 }, 'questions').power).toBeLessThan(0.8);
    expect(needs.detectableRate).toBeGreaterThan(0.2);
    // Two questions find nothing, however large.
    expect(pairedPowerNeeds({ ...design, questions: 2 }, 'questions').detectableRate ?? 1).toBeGreaterThan(0.9);
  });

  it('looks for a rate on the side on which the design has its own', () => {
    const down = { ...design, baseRate: 0.2, rate: 0.01, questions: 40 };
    const { detectableRate } = pairedPowerNeeds(down, 'questions');
    expect(detectableRate).toBeGreaterThan(0.01);
    expect(detectableRate).toBeLessThan(0.2);
    expect(pairedPower({ ...down, rate: detectableRate! }, 'questions').power).toBeCloseTo(0.8, 3);
    // From 1 % there is not that far to go.
    expect(pairedPowerNeeds({ ...down, baseRate: 0.01, rate: 0 }, 'questions').detectableRate).toBeNull();
  });

  it('refuses a power that is none', async () => {
    expect((await errorOf(() => pairedPowerNeeds(design, 'answers', 1))).code).toBe('usage-invalid');
  });
});

describe('createBetaBinomial', () => {
  it('has the share, and the correlation of answers to one question', () => {
    const random = createRandomStream(0, 'beta-binomial');
    for (const [share, correlation] of [
      [0.05, 0.25],
      [0.5, 0],
      [0.2, 1],
      [0, 0.5],
      [1, 0.5],
    ] as const) {
      const trials = 20;
      const draw = createBetaBinomial(trials, share, correlation);
      const repeats = 20_000;
      const shares = Array.from({ length: repeats }, () => draw(random) / trials);
      const mean = shares.reduce((sum, value) => sum + value, 0) / repeats;
      const variance = shares.reduce((sum, value) => sum + (value - mean) ** 2, 0) / repeats;
      const expected = share * (1 - share) * (correlation + (1 - correlation) / trials);
      expect(Math.abs(mean - share)).toBeLessThan(4 * Math.sqrt(expected / repeats) + 1e-12);
      expect(Math.abs(variance - expected)).toBeLessThan(0.08 * expected + 1e-12);
    }
  });

  it('is that of SciPy', () => {
    // SciPy 1.17.1: betabinom.cdf(0, 50, .05 * 3, .95 * 3) is the share of draws of 0
    const random = createRandomStream(0, 'zero');
    const draw = createBetaBinomial(50, 0.05, 0.25);
    const zeros = Array.from({ length: 20_000 }, () => draw(random)).filter((count) => count === 0).length / 20_000;
    expect(Math.abs(zeros - 0.6312682393510238)).toBeLessThan(0.012);
  });
});
