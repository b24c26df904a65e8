import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { shareSequence } from '../../src/stats/share-sequence.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const at = (successes: number, trials: number, confidence?: number) => shareSequence({ successes, trials }, confidence);

/** What each question does: how often its answers count, and how often those that count are successes. */
interface Question {
  readonly counts: number;
  readonly share: number;
}

/** The same counts come again and again. */
const known = new Map<string, readonly [number, number]>();
function recall(successes: number, trials: number): readonly [number, number] {
  const key = `${String(successes)}/${String(trials)}`;
  const interval = known.get(key) ?? at(successes, trials);
  known.set(key, interval);
  return interval;
}

/** Asks questions round by round, and says at which answer a limit is left behind for the first time; null for never. */
function watch(name: string, repeat: number, questions: readonly Question[], rounds: number, limit: number) {
  const random = createRandomStream(0, name, repeat);
  let successes = 0;
  let trials = 0;
  for (let round = 1; round <= rounds; round += 1) {
    for (const { counts, share } of questions) {
      if (counts < 1 && random.uniform() >= counts) continue;
      trials += 1;
      if (random.uniform() < share) successes += 1;
    }
    const [low, high] = recall(successes, trials);
    if (low > limit || high < limit) return { answers: round * questions.length, isAbove: low > limit };
  }
  return null;
}

const alike = (share: number): Question[] => Array.from({ length: 8 }, () => ({ counts: 1, share }));

describe('shareSequence', () => {
  // SciPy 1.17.1: the two roots in s of betaln(.5 + k, .5 + n - k) - betaln(.5, .5) - k log(s) - (n - k) log1p(-s) + log(.05), by brentq
  it.each([
    [0, 1, 0, 0.975],
    [0, 120, 0, 0.04847632069230071],
    [8, 40, 0.05431547119115917, 0.43919320156557146],
    [20, 100, 0.0910223310793243, 0.3516416038398223],
    [5, 5, 0.4149675318457233, 1],
    [1, 1000, 4.463974048705559e-7, 0.009974747264749962],
    [500, 1000, 0.4424183856766252, 0.5575816143233749],
  ])('of %i of %i is that of SciPy', (successes, trials, low, high) => {
    const interval = at(successes, trials);
    expect(interval[0]).toBeCloseTo(low, 12);
    expect(interval[1]).toBeCloseTo(high, 12);
  });

  it('holds the share, has a width, mirrors, and is wider with more confidence', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(60), (successes, failures) => {
        const trials = successes + failures;
        const [low, high] = at(successes, trials);
        if (trials === 0) {
          expect([low, high]).toEqual([0, 1]);
          return;
        }
        expect(0 <= low && low <= successes / trials && successes / trials <= high && high <= 1 && low < high).toBe(
          true,
        );
        const mirrored = at(failures, trials);
        expect(1 - mirrored[1]).toBeCloseTo(low, 12);
        const surer = at(successes, trials, 0.99);
        expect(surer[0] <= low && surer[1] >= high).toBe(true);
      }),
    );
  });

  it('is wrong at most 5 times of 100, however often one looks and however much questions differ', () => {
    // Eight questions with a mean share of exactly 5 %; and two whose kept answers have 5 % together, though few answers of one are kept.
    const cases: readonly (readonly [string, Question[]])[] = [
      ['alike', alike(0.05)],
      ['unlike', [0.4, 0, 0, 0, 0, 0, 0, 0].map((share) => ({ counts: 1, share }))],
      [
        'dropped',
        [
          { counts: 0.25, share: 0.2 },
          { counts: 1, share: 0.0125 },
        ],
      ],
    ];
    for (const [name, questions] of cases) {
      const repeats = 1000;
      let wrong = 0;
      for (let repeat = 0; repeat < repeats; repeat += 1) if (watch(name, repeat, questions, 200, 0.05)) wrong += 1;
      expect(wrong / repeats).toBeLessThanOrEqual(0.05);
    }
  });

  it('would be wrong far more often were it looked at like an interval of a fixed number of answers', () => {
    let wrong = 0;
    const repeats = 300;
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const random = createRandomStream(0, 'fixed', repeat);
      let successes = 0;
      for (let trials = 1; trials <= 1600; trials += 1) {
        if (random.uniform() < 0.05) successes += 1;
        const share = successes / trials;
        const spread = 1.96 * Math.sqrt((share * (1 - share)) / trials);
        if (trials >= 40 && trials % 8 === 0 && Math.abs(share - 0.05) > spread) {
          wrong += 1;
          break;
        }
      }
    }
    expect(wrong / repeats).toBeGreaterThan(0.2);
  });

  it.each([
    [0.2, 0.05, true],
    [0.2, 0.01, true],
    [0, 0.05, false],
  ])('of a clear case, %d against a limit of %d, needs at most half of 400 answers', (share, limit, isAbove) => {
    const stops = Array.from({ length: 200 }, (_, repeat) =>
      watch(`clear ${String(share)}`, repeat, alike(share), 50, limit),
    );
    expect(stops.every((stop) => stop?.isAbove === isAbove)).toBe(true);
    const answers = stops.map((stop) => stop!.answers).sort((one, other) => one - other);
    expect(answers.reduce((sum, count) => sum + count, 0) / answers.length).toBeLessThan(200);
    expect(answers[Math.floor(0.9 * answers.length)]!).toBeLessThanOrEqual(200);
  });

  it('refuses what is no share or no confidence', async () => {
    expect((await errorOf(() => at(2, 1))).code).toBe('usage-invalid');
    expect((await errorOf(() => at(1, 2, 1))).code).toBe('usage-invalid');
  });
});
