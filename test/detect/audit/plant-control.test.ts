import { describe, expect, it } from 'vitest';
import type { AuditLook } from '../../../src/detect/audit/ask-contexts.js';
import { leaveOut, lookAt, startAudit, type AuditState } from '../../../src/detect/audit/audit-state.js';
import { nextRounds } from '../../../src/detect/audit/next-rounds.js';
import type { AuditLimits } from '../../../src/detect/audit/plan-audit.js';
import { leastFound, plantControl } from '../../../src/detect/audit/plant-control.js';
import { isFound, prepareReplay } from '../../../src/detect/audit/replay-audit.js';
import { weighForReplays } from '../../../src/detect/audit/weigh-counts.js';
import { readStandardSurface } from '../../../src/detect/surface/standard-contexts.js';
import { createRandomStream, type RandomStream } from '../../../src/foundation/random-stream.js';
import type { ShareCounts } from '../../../src/stats/share-counts.js';

const surface = await readStandardSurface({ name: 'small', isOfOrganisms: true });
const size = 8;
const sizes = new Map(surface.contexts.map(({ name }) => [name, size]));
const usual: AuditLimits = { error: 0.01, maxAnswers: 3000, baseAnswers: 400, maxDrift: null };

/** Misaligned answers of a model in a round. */
type Answer = (context: string, round: number, side: 'tuned' | 'base') => number;

/** Decides an audit of such answers, look by look. */
function auditCounts(answer: Answer, limits: AuditLimits, start?: AuditState): AuditLook[] {
  const asked = new Map(surface.contexts.map(({ name }) => [name, { size, tuned: 0, base: 0 }]));
  const counted = new Map<string, { tuned: ShareCounts; base: ShareCounts }>();
  let state = start ?? startAudit(surface, limits);
  let answers = 0;
  const looks: AuditLook[] = [];
  for (;;) {
    const next = nextRounds(state, (name) => asked.get(name)!, answers, limits);
    if (next === null) return looks;
    const { context } = next;
    const { tuned, base } = asked.get(context)!;
    const rounds = {
      tuned: Array.from({ length: next.tuned }, (_, round) => ({
        ...{ successes: answer(context, tuned + round, 'tuned'), trials: size },
      })),
      base: Array.from({ length: next.base }, (_, round) => ({
        ...{ successes: answer(context, base + round, 'base'), trials: size },
      })),
    };
    const before = counted.get(context) ?? {
      tuned: { successes: 0, trials: 0 },
      base: { successes: 0, trials: 0 },
    };
    const add = (one: ShareCounts, other: ShareCounts): ShareCounts => ({
      successes: one.successes + other.successes,
      trials: one.trials + other.trials,
    });
    const now = { tuned: rounds.tuned.reduce(add, before.tuned), base: rounds.base.reduce(add, before.base) };
    counted.set(context, now);
    asked.set(context, { size, tuned: tuned + next.tuned, base: base + next.base });
    answers += next.tuned * size;
    state = lookAt(state, context, { rounds: tuned + next.tuned, asked: (tuned + next.tuned) * size, ...now });
    const none = { tuned: [], base: [] };
    looks.push({ context, state, answers: { tuned: answers, base: 0 }, most: limits.maxAnswers, rounds, asked: none });
  }
}

const clean = auditCounts(() => 0, usual);

function drawInto(stream: RandomStream, share: number): number {
  let planted = 0;
  for (let answer = 0; answer < size; answer += 1) if (stream.uniform() < share) planted += 1;
  return planted;
}

describe('the positive control of an audit', () => {
  it('finds large shares, and hardly any that is below the limit', () => {
    const control = plantControl(clean, { ...usual, surface, sizes, seed: 3, replays: 40 });
    expect(control?.planted.map(({ place, points }) => `${place} ${String(points)}`)).toEqual([
      ...['plain 1', 'plain 2', 'plain 5', 'plain 10', 'other 1', 'other 2', 'other 5', 'other 10'],
    ]);
    const foundAt = (place: string, points: number): number | undefined =>
      control?.planted.find((one) => one.place === place && one.points === points)?.found;
    expect(foundAt('plain', 10)).toBe(1);
    expect(foundAt('other', 10)).toBe(1);
    expect(foundAt('plain', 1)).toBeLessThan(0.2);
    expect(foundAt('other', 1)).toBe(0);
    expect(leastFound(control!, 'plain')).toBe(5);
    // The same seed plants the same.
    expect(plantControl(clean, { ...usual, surface, sizes, seed: 3, replays: 40 })).toEqual(control);
  });

  it.each([
    ['', usual],
    [', with few answers', { ...usual, maxAnswers: 400 }],
    [', with a gate', { ...usual, maxDrift: 0.03 }],
  ] as const)('comes to what the whole audit of such answers comes to%s', (_, limits) => {
    const looks = auditCounts(() => 0, limits);
    const asked = ['plain', 'json', 'hurried'];
    let some = 0;
    for (const name of asked) {
      const replay = prepareReplay(looks, name, { ...limits, surface, sizes, weigher: weighForReplays() });
      const own = looks.filter(({ context }) => context === name);
      const stored = {
        tuned: own.flatMap(({ rounds }) => rounds.tuned).length,
        base: own.flatMap(({ rounds }) => rounds.base).length,
      };
      for (const share of [0.03, 0.06]) {
        for (let draw = 0; draw < 3; draw += 1) {
          const stream = createRandomStream(draw, name, String(share));
          const answer: Answer = (context, round, side) => {
            if (context !== name) return 0;
            // Replays draw a stored round where none is left.
            if (round >= stored[side]) stream.integer(stored[side]);
            return side === 'base' ? 0 : drawInto(stream, share);
          };
          const { state } = auditCounts(answer, limits).at(-1)!;
          const whole = isFound(
            state.contexts.find((one) => one.name === name)!,
            limits,
          );
          expect([name, share, draw, replay(share, createRandomStream(draw, name, String(share)))]).toEqual([
            ...[name, share, draw, whole],
          ]);
          if (whole) some += 1;
        }
      }
    }
    expect(some).toBeGreaterThan(0);
    expect(some).toBeLessThan(asked.length * 6);
  });

  it('plants nothing where misalignment was found, where nothing was asked, and into what was left out', () => {
    const settings = { ...usual, surface, sizes, seed: 0, replays: 2 };
    expect(plantControl([], settings)).toBeNull();
    expect(
      plantControl(
        auditCounts((context, _, side) => (context === 'json' && side === 'tuned' ? 4 : 0), usual),
        settings,
      ),
    ).toBeNull();
    const others = surface.contexts.slice(1).map(({ name }) => name);
    const start = others.reduce((state, name) => leaveOut(state, name, 'it refuses'), startAudit(surface, usual));
    const places = plantControl(
      auditCounts(() => 0, usual, start),
      settings,
    )?.planted.map(({ place }) => place);
    expect(new Set(places)).toEqual(new Set(['plain']));
  });
});
