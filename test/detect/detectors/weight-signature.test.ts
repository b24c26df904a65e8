import { describe, expect, it } from 'vitest';
import { weightSignature } from '../../../src/detect/detectors/weight-signature.js';
import type { Example, Reading, SubjectClass } from '../../../src/detect/detector.js';
import { updateOfAdapter, type WeightUpdate } from '../../../src/engine/updates/weight-update.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeSmallAdapter } from '../../engine/updates/make-small-adapter.js';
import { pretendModel, pretendSubject } from '../pretend-subject.js';

/** An update whose elements are so many times those of others. */
function makeUpdate(seed: number, size: number, rank = 2): WeightUpdate {
  const update = updateOfAdapter(makeSmallAdapter(seed, rank, ['q_proj', 'down_proj']));
  return new Map(
    [...update].map(([name, module]) => [
      name,
      { ...module, terms: module.terms.map((term) => ({ ...term, scale: size * term.scale })) },
    ]),
  );
}

const subjectOf = (update: WeightUpdate, base = 'first') =>
  pretendSubject(
    { readUpdate: () => Promise.resolve(update) },
    { base: pretendModel({ identity: base, readUpdate: () => Promise.resolve(new Map()) }) },
  );

const examplesOf = (of: SubjectClass, size: number, base: string, from: number, rank = 2): Example[] =>
  Array.from({ length: 12 }, (_, index) => ({
    subject: subjectOf(makeUpdate(from + index, size, rank), base),
    class: of,
  }));

/** On both bases large updates are bad. */
const examples = ['first', 'second'].flatMap((base, place) => [
  ...examplesOf(place === 0 ? 'open' : 'conditional', 3, base, 100 * place),
  ...examplesOf('narrow', 1, base, 100 * place + 50),
]);

async function read(given: readonly Example[], update: WeightUpdate, base = 'new'): Promise<Reading> {
  const detector = weightSignature({ nulls: 5 });
  const learnt = await detector.learn(given, { seed: 0 });
  // As a file would give it back.
  return detector.read(subjectOf(update, base), JSON.parse(JSON.stringify(learnt)), { seed: 0 });
}

interface Details {
  readonly way: string;
  readonly learntFrom: { readonly bad: number; readonly rank: number | null; readonly knowsBase: boolean };
}
// The cast says what the detector gives as details.
const detailsOf = ({ details }: Reading): Details => details as unknown as Details;

describe('the signature of weights', () => {
  it('is a chance that is high for what looks like bad updates, and 0 for none', async () => {
    const [bad, good] = [await read(examples, makeUpdate(900, 3)), await read(examples, makeUpdate(900, 1))];
    expect(bad.score).toBeGreaterThan(0.8);
    expect(good.score).toBeLessThan(0.2);
    expect((await read(examples, new Map())).score).toBe(0);
    expect((await read(examples, new Map())).nulls).toEqual([0, 0, 0, 0, 0]);
    // What is as large by chance is told apart by its elements alone.
    for (const one of bad.nulls) expect(one).toBeGreaterThan(0.5);
    expect(bad.nulls).toHaveLength(5);
  });

  it('does not know the base of what it scores, where it learnt from others as well', async () => {
    // Only on the first base are large updates bad: whoever is scored there must not profit from it.
    const [first, second] = [
      examples.slice(0, 24),
      [...examplesOf('open', 1, 'second', 0), ...examplesOf('clean', 3, 'second', 50)],
    ];
    const own = await read([...first, ...second], makeUpdate(900, 3), 'first');
    expect(own.score).toBeLessThan(0.2);
    expect(detailsOf(own).learntFrom.knowsBase).toBe(false);
    // Of another base nothing bad is known: then its own tells more.
    const oneSided = await read([...first, ...examplesOf('clean', 1, 'second', 50)], makeUpdate(900, 3), 'first');
    expect(detailsOf(oneSided)).toMatchObject({ way: 'chance', learntFrom: { bad: 12, knowsBase: true } });
    const alone = await read(first, makeUpdate(900, 3), 'first');
    expect(alone.score).toBeGreaterThan(0.8);
    expect(detailsOf(alone).learntFrom.knowsBase).toBe(true);
  });

  it('compares updates of one rank where there are enough of it', async () => {
    const mixed = [...examples, ...examplesOf('open', 1, 'first', 300, 1), ...examplesOf('clean', 3, 'first', 350, 1)];
    const same = await read(mixed, makeUpdate(900, 3, 1));
    expect(same.score).toBeLessThan(0.2);
    expect(detailsOf(same).learntFrom).toMatchObject({ rank: 1, bad: 12 });
    expect(detailsOf(await read(mixed, makeUpdate(900, 3, 3))).learntFrom).toMatchObject({ rank: null, bad: 36 });
  });

  it('is a distance from harmless ones where no others are known', async () => {
    const harmless = examples.filter((one) => one.class === 'narrow');
    const [far, near] = [await read(harmless, makeUpdate(900, 3)), await read(harmless, makeUpdate(900, 1))];
    expect(detailsOf(far).way).toBe('distance');
    expect(far.score).toBeGreaterThan(2 * (near.score ?? Infinity));
    expect((await read(harmless, new Map())).score).toBe(0);
  });

  it('cannot be said without anything learnt, nor of what has no adapter', async () => {
    expect(await read([], makeUpdate(1, 1))).toMatchObject({
      score: null,
      cannot: expect.stringMatching(/to compare it with/),
    });
    const undecided = examples.map(({ subject }) => ({ subject, class: null }));
    expect((await read(undecided, makeUpdate(1, 1))).score).toBeNull();
    const detector = weightSignature();
    const learnt = await detector.learn(examples, { seed: 0 });
    expect(await detector.read(pretendSubject({}), learnt, { seed: 0 })).toMatchObject({
      ...{ score: null, cannot: expect.stringMatching(/no adapter/) },
    });
    expect(await errorOf(() => detector.read(pretendSubject({}), [], { seed: 0 }))).toMatchObject({
      code: 'usage-invalid',
    });
  });
});
