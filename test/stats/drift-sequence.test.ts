import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream, type RandomStream } from '../../src/foundation/random-stream.js';
import { adjustEValues } from '../../src/stats/adjust-e-values.js';
import { driftEProcess, driftSequence } from '../../src/stats/drift-sequence.js';
import { fisherExact } from '../../src/stats/fisher-exact.js';
import type { ShareCounts } from '../../src/stats/share-counts.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { relativeError } from './relative-error.js';

const of = (successes: number, trials: number): ShareCounts => ({ successes, trials });

/** What a question does to a model: how often its answers are kept, and how often kept ones are misaligned. */
type Question = readonly [kept: number, share: number];

/** Asks each question once, or as many that are drawn anew. */
function askRound({ successes, trials }: ShareCounts, questions: readonly Question[], random: RandomStream, draws = 0) {
  const asked =
    draws === 0 ? questions : Array.from({ length: draws }, () => questions[random.integer(questions.length)]!);
  for (const [kept, share] of asked) {
    if (kept < 1 && random.uniform() >= kept) continue;
    trials += 1;
    if (random.uniform() < share) successes += 1;
  }
  return of(successes, trials);
}

interface World {
  readonly name: string;
  readonly tuned: readonly Question[];
  readonly base: readonly Question[];
  /** Questions that a round draws; all of them where left out. */
  readonly draws?: number;
  /** Rounds that base was asked before. */
  readonly baseFirst?: number;
}

/** The share of all kept answers, questions asked equally often. */
const shareOf = (questions: readonly Question[]): number =>
  questions.reduce((sum, [kept, share]) => sum + kept * share, 0) / questions.reduce((sum, [kept]) => sum + kept, 0);
const driftOf = ({ tuned, base }: World): number => shareOf(tuned) - shareOf(base);
const alike = (share: number, kept = 1): Question[] => Array.from({ length: 8 }, () => [kept, share]);

const rare: World = { name: 'rare', tuned: alike(0.05), base: alike(0), baseFirst: 12 };
const unlike: World = {
  name: 'unlike',
  tuned: [[0.25, 0.8], ...alike(0.02).slice(1)],
  base: [[1, 0.2], ...alike(0, 0.5).slice(1)],
};
const worlds: readonly World[] = [
  { name: 'equal', tuned: alike(0.1), base: alike(0.1) },
  rare,
  unlike,
  { name: 'drawn', tuned: [...alike(0.02, 0.6), [1, 1]], base: [...alike(0, 1), [0.5, 0.4]], draws: 8 },
  { name: 'better than base', tuned: alike(0.01, 0.7), base: alike(0.06) },
];

const contexts = [0.5, 0.25, 0.25] as const;

interface State {
  readonly weight: number;
  tuned: ShareCounts;
  base: ShareCounts;
  value: number;
  /** Whose answers are asked for next. */
  next: 'tuned' | 'base';
}

type Evidence = (tuned: ShareCounts, base: ShareCounts) => number;

/** Evidence of the same counts comes again and again. */
function remembering(evidence: Evidence): Evidence {
  const known = new Map<string, number>();
  return (tuned, base) => {
    const key = [tuned.successes, tuned.trials, base.successes, base.trials].join();
    const value = known.get(key) ?? evidence(tuned, base);
    known.set(key, value);
    return value;
  };
}

/**
 * Whether the weighted evidence of three contexts reaches a limit in any of 24 looks. Asked next is the context that
 * looks worst, every third time another, and of it the other model than before where the last answers lessened the
 * evidence: all of it chosen by what was seen.
 */
function raisesAlarm(world: World, evidence: Evidence, limit: number, repeat: number): boolean {
  const random = createRandomStream(0, world.name, repeat);
  const states = contexts.map((weight): State => {
    let base = of(0, 0);
    for (let round = 0; round < (world.baseFirst ?? 1); round += 1)
      base = askRound(base, world.base, random, world.draws);
    return { weight, tuned: of(0, 0), base, value: evidence(of(0, 0), base), next: 'tuned' };
  });
  for (let look = 0; look < 24; look += 1) {
    const worst = states.reduce((one, other) => (other.value * other.weight > one.value * one.weight ? other : one));
    const state = look % 3 === 2 ? states[random.integer(3)]! : worst;
    state[state.next] = askRound(state[state.next], world[state.next], random, world.draws);
    const value = evidence(state.tuned, state.base);
    if (value < state.value) state.next = state.next === 'base' ? 'tuned' : 'base';
    state.value = value;
    if (states.reduce((sum, one) => sum + one.weight * one.value, 0) >= limit) return true;
  }
  return false;
}

function shareOfAlarms(world: World, evidence: Evidence, error: number, repeats: number): number {
  const remembered = remembering(evidence);
  let alarms = 0;
  for (let repeat = 0; repeat < repeats; repeat += 1)
    if (raisesAlarm(world, remembered, 1 / error, repeat)) alarms += 1;
  return alarms / repeats;
}

const atMost = (error: number, repeats: number): number => error + 2 * Math.sqrt((error * (1 - error)) / repeats);

describe('driftEProcess', () => {
  // mpmath 1.3, 40 digits: golden section over s of log(e(k, n, s + d, up)) + log(e(m - j, m, 1 - s, down)), with
  // e = lambda k, n, t, bets: sum(w * (1 + b * (1 - t) / t) ** k * (1 - b) ** (n - k) for b, w in bets)
  // and the bets of the docstring
  it.each([
    [3, 40, 0, 800, 0, 1074.3598968977],
    [2, 40, 0, 800, 0, 67.501473207126],
    [5, 100, 0, 800, 0, 5340.2908292831],
    [4, 100, 0, 800, 0, 669.18100559726],
    [12, 80, 16, 800, 0.02, 41.999951880275],
    [0, 40, 0, 800, 0, 0.40773447331363],
    [30, 50, 10, 20, -0.1, 0.69180890784693],
    [0, 0, 10, 800, -0.5, 2.6186232251536e214],
    [7, 7, 0, 3, 0, 24.921109411041],
    [400, 1000, 30, 1000, 0.3, 168.53625887679],
    [10, 10, 10, 10, 0.5, 0.35711167901478],
  ])('of %i of %i against %i of %i and a margin of %d is that of mpmath', (k, n, j, m, margin, expected) => {
    expect(relativeError(driftEProcess(of(k, n), of(j, m), margin), expected)).toBeLessThan(1e-10);
  });

  it('decides at an error of 1 % by 3 of 40 with a weight of 1/2, by 5 of 100 with 1/38, base 0 of 800', () => {
    const [own, others] = [1 / (0.5 * 0.01), 1 / ((0.5 / 19) * 0.01)];
    expect(driftEProcess(of(3, 40), of(0, 800), 0)).toBeGreaterThan(own);
    expect(driftEProcess(of(2, 40), of(0, 800), 0)).toBeLessThan(own);
    expect(driftEProcess(of(5, 100), of(0, 800), 0)).toBeGreaterThan(others);
    expect(driftEProcess(of(4, 100), of(0, 800), 0)).toBeLessThan(others);
  });

  it('grows with misaligned answers of tuned, falls with those of base and with the margin, and stays a number', () => {
    fc.assert(
      fc.property(
        fc.nat(30),
        fc.nat(30),
        fc.nat(300),
        fc.nat(300),
        fc.double({ min: -0.9, max: 0.9, noNaN: true }),
        (k, rest, j, others, margin) => {
          const value = driftEProcess(of(k, k + rest), of(j, j + others), margin);
          const slack = 1 - 1e-9;
          expect(value).toBeGreaterThanOrEqual(0.04 * slack);
          expect(driftEProcess(of(k + 1, k + 1 + rest), of(j, j + others), margin)).toBeGreaterThanOrEqual(
            value * slack,
          );
          expect(driftEProcess(of(k, k + rest), of(j + 1, j + 1 + others), margin)).toBeLessThanOrEqual(value / slack);
          expect(driftEProcess(of(k, k + rest), of(j, j + others), margin + 0.05)).toBeLessThanOrEqual(value / slack);
        },
      ),
      { numRuns: 200 },
    );
    expect(driftEProcess(of(0, 0), of(0, 0), 0)).toBeCloseTo(1, 12);
    expect(driftEProcess(of(100_000, 100_000), of(0, 100_000), 0)).toBe(1e300);
    // What was not bet is left on both sides: a fifth of a fifth.
    expect(driftEProcess(of(0, 100_000), of(100_000, 100_000), 0)).toBeCloseTo(0.04, 12);
  });

  it.each(worlds)('raises false alarms rarely enough, stopped at will, where nothing is there: $name', (world) => {
    const error = 0.1;
    const margin = Math.max(0, driftOf(world));
    const found = shareOfAlarms(world, (tuned, base) => driftEProcess(tuned, base, margin), error, 2000);
    expect(found).toBeLessThanOrEqual(atMost(error, 2000));
  });

  it('expects to be at most 1, and hardly less where one share is known, whatever is kept of unlike questions', () => {
    // All that two rounds of three questions can come to: not kept, kept, and misaligned.
    const expectation = (questions: readonly Question[], evidence: (counts: ShareCounts) => number): number => {
      const asked = [...questions, ...questions];
      const visit = (index: number, counts: ShareCounts): number => {
        if (index === asked.length) return evidence(counts);
        const [kept, share] = asked[index]!;
        const { successes, trials } = counts;
        return (
          (1 - kept) * visit(index + 1, counts) +
          kept * (1 - share) * visit(index + 1, of(successes, trials + 1)) +
          kept * share * visit(index + 1, of(successes + 1, trials + 1))
        );
      };
      return visit(0, of(0, 0));
    };
    const many = 1e9;
    const sets: readonly (readonly Question[])[] = [
      alike(0.05).slice(0, 3),
      [
        [0.3, 0.9],
        [1, 0.1],
        [0.6, 0],
      ],
    ];
    for (const questions of sets) {
      const share = shareOf(questions);
      // A base that surely has none, and a tuned model that surely has nothing else.
      const found = [
        expectation(questions, (tuned) => driftEProcess(tuned, of(0, many), share)),
        expectation(questions, (base) => driftEProcess(of(many, many), base, 1 - share)),
      ];
      for (const value of found) {
        expect(value).toBeLessThanOrEqual(1 + 1e-9);
        expect(value).toBeGreaterThan(0.8);
      }
    }
  });

  it('raises alarms where the claim is false, even if the wrong model is asked next', () => {
    const strong = { ...rare, name: 'strong', tuned: alike(0.3) };
    const alarms = (margin: number): number =>
      shareOfAlarms(strong, (tuned, base) => driftEProcess(tuned, base, margin), 0.1, 200);
    expect(alarms(0)).toBeGreaterThan(0.9);
    expect(alarms(0.3)).toBeLessThan(0.1);
  });

  it('would raise far too many were it a p-value that is looked at again and again', () => {
    const evidence: Evidence = (tuned, base) => 1 / (fisherExact(tuned, base, 'greater').pValue ?? 1);
    expect(shareOfAlarms(worlds[0]!, (tuned, base) => 4 * evidence(tuned, base), 0.1, 300)).toBeGreaterThan(0.2);
  });

  it('names contexts after closing over all of them rarely enough, whichever of them really drift', () => {
    const known = remembering((tuned, base) => driftEProcess(tuned, base, 0));
    let wrong = 0;
    let shown = 0;
    for (let repeat = 0; repeat < 1000; repeat += 1) {
      const random = createRandomStream(0, 'family', repeat);
      const states = [0.3, 0, 0.05, 0.05].map((drift) => ({ drift, tuned: of(0, 0), base: of(0, 0) }));
      const named = new Set<number>();
      for (let look = 0; look < 12; look += 1) {
        for (const state of states) {
          state.tuned = askRound(state.tuned, alike(0.05 + Math.max(0, state.drift - 0.05)), random);
          state.base = askRound(state.base, alike(0.05), random);
        }
        const tests = states.map(({ tuned, base }, index) => ({
          name: String(index),
          eValue: known(tuned, base),
          weight: 1,
        }));
        for (const { name, adjusted } of adjustEValues(tests).tests) if (adjusted >= 10) named.add(Number(name));
      }
      if (named.has(0)) shown += 1;
      if ([1, 2, 3].some((index) => named.has(index))) wrong += 1;
    }
    expect(wrong / 1000).toBeLessThanOrEqual(atMost(0.1, 1000));
    expect(shown / 1000).toBeGreaterThan(0.8);
  });

  it('refuses what is no share or no margin', async () => {
    for (const margin of [-1, 1, NaN])
      expect((await errorOf(() => driftEProcess(of(1, 2), of(0, 2), margin))).code).toBe('usage-invalid');
    expect((await errorOf(() => driftEProcess(of(3, 2), of(0, 2), 0))).code).toBe('usage-invalid');
    expect((await errorOf(() => driftSequence(of(1, 2), of(0, 2), 1))).code).toBe('usage-invalid');
  });
});

describe('driftSequence', () => {
  // As above, and bisection over d for e-processes of 2 / (1 - confidence)
  it.each([
    [10, 400, 3, 800, 0.95, -0.005342628922, 0.06813362758],
    [0, 344, 0, 800, 0.975, -0.008417988473, 0.01970986773],
    [20, 40, 0, 800, 0.99, 0.2202297173, 0.8109252876],
  ])('of %i of %i against %i of %i with a confidence of %d is that of mpmath', (k, n, j, m, confidence, low, high) => {
    const found = driftSequence(of(k, n), of(j, m), confidence);
    expect(found[0]).toBeCloseTo(low, 9);
    expect(found[1]).toBeCloseTo(high, 9);
  });

  it('holds what was seen, mirrors, is wider with more confidence, and ends where the e-process does', () => {
    fc.assert(
      fc.property(fc.nat(30), fc.nat(30), fc.nat(60), fc.nat(60), (k, rest, j, others) => {
        const [tuned, base] = [of(k, k + rest), of(j, j + others)];
        const [low, high] = driftSequence(tuned, base);
        expect(-1 <= low && low < high && high <= 1).toBe(true);
        const mirrored = driftSequence(base, tuned);
        expect([-mirrored[1], -mirrored[0]]).toEqual([low, high]);
        const surer = driftSequence(tuned, base, 0.99);
        expect(surer[0] <= low && surer[1] >= high).toBe(true);
        if (tuned.trials > 0 && base.trials > 0) {
          const seen = k / tuned.trials - j / base.trials;
          expect(low < seen + 1e-12 && seen < high + 1e-12).toBe(true);
        }
        if (low > -1) {
          expect(driftEProcess(tuned, base, low)).toBeGreaterThanOrEqual(40 * (1 - 1e-9));
          expect(driftEProcess(tuned, base, low + 1e-6)).toBeLessThan(40);
        }
      }),
      { numRuns: 60 },
    );
    expect(driftSequence(of(0, 0), of(0, 0))).toEqual([-1, 1]);
  });

  it.each([worlds[0]!, rare, unlike])('holds the drift in all looks at once often enough: $name', (world) => {
    // The drift is in an interval where neither e-process at the drift has reached 2 / (1 - confidence).
    const drift = driftOf(world);
    const evidence: Evidence = (tuned, base) =>
      Math.max(driftEProcess(tuned, base, drift), driftEProcess(base, tuned, -drift));
    const known = remembering(evidence);
    let wrong = 0;
    for (let repeat = 0; repeat < 1000; repeat += 1) {
      const random = createRandomStream(0, world.name, 'sequence', repeat);
      let [tuned, base] = [of(0, 0), of(0, 0)];
      for (let look = 0; look < 20; look += 1) {
        tuned = askRound(tuned, world.tuned, random);
        base = askRound(base, world.base, random);
        if (known(tuned, base) < 20) continue;
        wrong += 1;
        break;
      }
    }
    expect(wrong / 1000).toBeLessThanOrEqual(atMost(0.1, 1000));
  });
});
