import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { pickToken, topTokens, type PickSettings } from '../../../src/engine/sample/pick-token.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { fitExcess } from './goodness-of-fit.js';
import { logSoftmax } from './sample-all.js';

const plain: PickSettings = { temperature: 1, topP: 1, topK: 0 };
const almostOne = 1 - 2 ** -53;

/** Log-probabilities of tokens with these weights. */
function logs(...weights: number[]): Float32Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Float32Array.from(weights, (weight) => Math.log(weight / total));
}

/** Which tokens can come out, by trying the unit interval finely; in the order of the numbers. */
function reachable(logProbabilities: Float32Array, settings: Partial<PickSettings>): number[] {
  const steps = 2000;
  const picked = Array.from({ length: steps }, (_, step) =>
    pickToken(logProbabilities, { ...plain, ...settings }, step / steps),
  );
  return [...new Set(picked)];
}

describe('pickToken', () => {
  it('inverts the distribution function over the ids', () => {
    const distribution = logs(1, 2, 3, 4);
    const picks = [0, 0.09, 0.11, 0.29, 0.31, 0.59, 0.61, almostOne];
    expect(picks.map((uniform) => pickToken(distribution, plain, uniform))).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it('takes the likeliest token at temperature 0, the first of equals', () => {
    for (const uniform of [0, 0.5, almostOne]) {
      expect(pickToken(logs(1, 5, 2), { ...plain, temperature: 0 }, uniform)).toBe(1);
      expect(pickToken(logs(1, 5, 5), { ...plain, temperature: 0 }, uniform)).toBe(1);
      expect(pickToken(logs(1, 5, 2), { temperature: 0, topP: 0.01, topK: 1 }, uniform)).toBe(1);
    }
  });

  it('raises probabilities to the inverse temperature', () => {
    // Weights 1 and 3 become 1 and 9 at a half, and 1 and 1.73 at two.
    const distribution = logs(1, 3);
    const border = (temperature: number): number =>
      Array.from({ length: 1000 }, (_, step) => (step + 0.5) / 1000).findIndex(
        (uniform) => pickToken(distribution, { ...plain, temperature }, uniform) === 1,
      );
    expect(border(1)).toBe(250);
    expect(border(0.5)).toBe(100);
    expect(border(2)).toBe(Math.round(1000 / (1 + Math.sqrt(3))));
  });

  it('keeps the k likeliest tokens, the lower ids of equals', () => {
    expect(reachable(logs(1, 4, 2, 3), { topK: 2 })).toEqual([1, 3]);
    expect(reachable(logs(1, 4, 2, 3), { topK: 1 })).toEqual([1]);
    expect(reachable(logs(1, 4, 2, 3), { topK: 9 })).toEqual([0, 1, 2, 3]);
    expect(reachable(logs(1, 1, 1, 1), { topK: 3 })).toEqual([0, 1, 2]);
  });

  it('keeps the fewest likeliest tokens that reach a probability', () => {
    const distribution = logs(1, 4, 2, 3);
    expect(reachable(distribution, { topP: 0.39 })).toEqual([1]);
    expect(reachable(distribution, { topP: 0.41 })).toEqual([1, 3]);
    expect(reachable(distribution, { topP: 0.69 })).toEqual([1, 3]);
    expect(reachable(distribution, { topP: 0.71 })).toEqual([1, 2, 3]);
    expect(reachable(distribution, { topP: 0.91 })).toEqual([0, 1, 2, 3]);
    expect(reachable(distribution, { topP: 1e-9 })).toEqual([1]);
    expect(reachable(logs(1, 1, 1, 1), { topP: 0.6 })).toEqual([0, 1, 2]);
  });

  it('cuts by probability what temperature and top-k have left', () => {
    // Of weights 4 and 3 the first has 57 %: enough for a half, whereas it has 40 % of all.
    expect(reachable(logs(1, 4, 2, 3), { topK: 2, topP: 0.5 })).toEqual([1]);
    expect(reachable(logs(1, 4, 2, 3), { topP: 0.5 })).toEqual([1, 3]);
    // At temperature 0.5 weights 16 of 30.
    expect(reachable(logs(1, 4, 2, 3), { temperature: 0.5, topP: 0.5 })).toEqual([1]);
  });

  it('draws kept tokens as often as their renormalised probabilities say', () => {
    const stream = createRandomStream(0, 'pick');
    const logits = Float32Array.from({ length: 50 }, () => 2 * stream.normal());
    const distribution = Float32Array.from(logSoftmax(logits));
    const ranked = [...distribution.keys()].sort((left, right) => distribution[right]! - distribution[left]!);
    for (const [settings, kept] of [
      [plain, ranked],
      [{ temperature: 0.7, topP: 1, topK: 0 }, ranked],
      [{ temperature: 1.3, topP: 1, topK: 10 }, ranked.slice(0, 10)],
    ] as const) {
      const expected = new Array<number>(50).fill(0);
      for (const id of kept) expected[id] = Math.exp(distribution[id]! / settings.temperature);
      const total = expected.reduce((sum, weight) => sum + weight, 0);
      const drawn = Array.from({ length: 20_000 }, () => pickToken(distribution, settings, stream.uniform()));
      expect(drawn.every((id) => kept.includes(id))).toBe(true);
      expect(
        fitExcess(
          drawn,
          expected.map((weight) => weight / total),
        ),
      ).toBeLessThan(4);
    }
  });

  it('never draws what is impossible or was cut, whatever the number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constant(-1e4), fc.double({ min: -30, max: 30, noNaN: true })), {
          minLength: 1,
          maxLength: 30,
        }),
        fc.constantFrom(1e-320, 1e-30, 0.1, 1, 10),
        fc.constantFrom(1e-300, 0.3, 0.9, 1),
        fc.constantFrom(0, 1, 2, 100),
        fc.oneof(fc.constantFrom(0, 5e-324, almostOne), fc.double({ min: 0, max: almostOne, noNaN: true })),
        (logits, temperature, topP, topK, uniform) => {
          const distribution = Float32Array.from(logSoftmax(logits));
          const id = pickToken(distribution, { temperature, topP, topK }, uniform);
          const better = distribution.filter((value) => value > distribution[id]!);
          if (topK > 0) expect(better.length).toBeLessThan(topK);
          const largest = distribution.reduce((most, value) => Math.max(most, value));
          const weights = distribution.map((value) => Math.exp((value - largest) / temperature));
          expect(weights[id]).toBeGreaterThan(0);
        },
      ),
      { seed: 1 },
    );
  });
});

describe('pickToken agrees with sorting', () => {
  /** The same draw by sorting the whole vocabulary. */
  function pickBySorting(
    logProbabilities: Float32Array,
    { temperature, topP, topK }: PickSettings,
    uniform: number,
  ): number | undefined {
    const largest = logProbabilities.reduce((most, value) => Math.max(most, value));
    let kept = Array.from(logProbabilities, (value, id) => ({ id, weight: Math.exp((value - largest) / temperature) }))
      .filter(({ weight }) => weight > 0)
      .sort((left, right) => right.weight - left.weight || left.id - right.id);
    const sumOf = (tokens: typeof kept): number => tokens.reduce((sum, { weight }) => sum + weight, 0);
    const byId = (tokens: typeof kept): typeof kept => [...tokens].sort((left, right) => left.id - right.id);
    if (topK > 0) kept = kept.slice(0, topK);
    if (topP < 1) {
      const enough = topP * sumOf(byId(kept));
      const count = kept.findIndex((_, index) => sumOf(kept.slice(0, index + 1)) >= enough);
      if (count >= 0) kept = kept.slice(0, count + 1);
    }
    kept = byId(kept);
    const threshold = uniform * sumOf(kept);
    return kept.find((_, index) => sumOf(kept.slice(0, index + 1)) > threshold)?.id;
  }

  const settings = fc.record({
    temperature: fc.constantFrom(1e-30, 0.1, 0.7, 1, 3, 1e300),
    topP: fc.oneof(fc.constantFrom(1e-300, 0.25, 0.5, 0.75, 0.9, 1 - 2 ** -53, 1), fc.double({ min: 0.001, max: 1 })),
    topK: fc.oneof(fc.constantFrom(0, 1), fc.nat(90)),
  });
  const uniform = fc.constantFrom(0, 0.1, 0.3, 0.5, 0.7, 0.9, almostOne);

  it.each([
    // Few values, so that many tokens are equal, some impossible; and all values, some with weights below float32.
    ['of few values', fc.oneof(fc.integer({ min: -4, max: 0 }), fc.constantFrom(-200, -1e4))],
    ['of any value', fc.double({ min: -300, max: 0, noNaN: true })],
    ['of nearly equal values', fc.double({ min: -1e-3, max: 0, noNaN: true })],
  ])('for weights %s', (_name, logit) => {
    fc.assert(
      fc.property(fc.array(logit, { minLength: 1, maxLength: 80 }), settings, uniform, (logits, chosen, number) => {
        const distribution = Float32Array.from(logits);
        expect(pickToken(distribution, chosen, number)).toBe(pickBySorting(distribution, chosen, number));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('in a vocabulary of usual size', () => {
    const stream = createRandomStream(0, 'large vocabulary');
    const logits = Float32Array.from({ length: 5000 }, () => Math.round(16 * stream.normal()) / 8);
    for (const chosen of [
      { topP: 0.9, topK: 0 },
      { topP: 1, topK: 50 },
      { topP: 0.5, topK: 3000 },
    ])
      for (const number of [0, 0.5, almostOne])
        expect(pickToken(logits, { temperature: 1, ...chosen }, number)).toBe(
          pickBySorting(logits, { temperature: 1, ...chosen }, number),
        );
  });
});

describe('topTokens', () => {
  it('lists the likeliest first, equals by id', () => {
    const values = Float32Array.of(-3, -1, -2, -1, -5);
    expect(topTokens(values, 3)).toEqual([
      { id: 1, logProbability: -1 },
      { id: 3, logProbability: -1 },
      { id: 2, logProbability: -2 },
    ]);
    expect(topTokens(values, 1)).toEqual([{ id: 1, logProbability: -1 }]);
    expect(topTokens(values, 0)).toEqual([]);
    expect(topTokens(values, 9).map(({ id }) => id)).toEqual([1, 3, 2, 0, 4]);
  });

  it('agrees with sorting', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 0 }), { maxLength: 40 }), fc.nat(12), (values, count) => {
        const sorted = values
          .map((logProbability, id) => ({ id, logProbability }))
          .sort((left, right) => right.logProbability - left.logProbability || left.id - right.id);
        const found = topTokens(Float32Array.from(values), count);
        expect(found).toEqual(
          sorted.slice(0, count).map((token) => ({ ...token, logProbability: token.logProbability + 0 })),
        );
      }),
      { seed: 1 },
    );
  });
});
