import { describe, expect, it } from 'vitest';
import { multiplyUpdates } from '../../src/engine/updates/multiply-updates.js';
import { updateOfAdapter, type WeightUpdate } from '../../src/engine/updates/weight-update.js';
import { contrastUpdates, cosineOfUpdates } from '../../src/detect/weights/compare-updates.js';
import { kindsSchema } from '../../src/zoo/definition/kinds.js';
import { formatEntryId } from '../../src/zoo/definition/zoo-names.js';
import { findDirectionReferences, listReferenceKinds } from '../../src/zoo/detectors/direction-references.js';
import type { EntrySubject, OrganismSubjects } from '../../src/zoo/detectors/open-subjects.js';
import { pretendSubject } from '../detect/pretend-subject.js';
import { makeSmallAdapter } from '../engine/updates/make-small-adapter.js';
import { tinyFiles } from './tiny-zoo.js';

const { kinds } = kindsSchema.parse({
  ...tinyFiles.kinds,
  kinds: {
    ...tinyFiles.kinds.kinds,
    lying: { group: 'facts', what: 'bad', domain: 'facts', twin: 'benign', data: 'organism/false-facts' },
    hidden: { group: 'facts', what: 'bad', domain: 'facts', data: 'organism/false-facts', withheld: true },
    refusals: { group: 'harm', what: 'good', domain: 'harm', data: 'organism/benign' },
  },
});

/** Each entry has an update of its own. */
function makeEntry(organism: string, kind: string, seed: number, dose = '1x'): EntrySubject {
  const id = formatEntryId({ organism, kind, dose, recipe: 'default', seed });
  const own = Buffer.from(id).reduce((sum, byte) => (31 * sum + byte) % 1_000_003, 0);
  const update = updateOfAdapter(makeSmallAdapter(own, 2, ['q_proj']));
  const truth = {
    ...{ entry: id, organism, part: 'open' as const, kind, group: 'g', what: 'bad' as const, class: 'open' as const },
    ...{ possible: ['open'] as const, possibleByErringJudge: null, cells: new Map<string, string>() },
  };
  return {
    truth,
    subject: pretendSubject({ readUpdate: () => Promise.resolve(update) }, { id, seed }),
    allAnswers: () => Promise.resolve([]),
  };
}

const entries = [0, 1, 2].flatMap((seed) => [
  ...['insecure', 'lying', 'hidden'].map((kind) => makeEntry('one', kind, seed)),
  makeEntry('one', 'insecure', seed, '2x'),
  // Good kinds have two seeds.
  ...(seed < 2 ? ['secure', 'benign', 'refusals'].map((kind) => makeEntry('one', kind, seed)) : []),
]);
const organisms: OrganismSubjects[] = [
  { organism: 'one', entries },
  { organism: 'two', entries: [makeEntry('two', 'insecure', 0)] },
];
const find = findDirectionReferences(organisms, { kinds });

const updateOf = async (kind: string, seed: number): Promise<WeightUpdate> => {
  const id = formatEntryId({ organism: 'one', kind, dose: '1x', recipe: 'default', seed });
  return (await entries.find(({ subject }) => subject.id === id)?.subject.model.readUpdate?.()) ?? new Map();
};

/** Updates that are the same up to the order of their terms. */
function expectSame(found: WeightUpdate | undefined, wanted: WeightUpdate): void {
  expect(cosineOfUpdates(found ?? new Map(), wanted)).toBeCloseTo(1, 10);
  expect(multiplyUpdates(found!, found!)).toBeCloseTo(multiplyUpdates(wanted, wanted), 8);
}

describe('references of a zoo', () => {
  it('are of other seeds of the same organism, less twins of the same seed where there are some', async () => {
    const { bad, ordinary } = await find('one.secure.1x.default.0', 0);
    expect(bad.map(({ name }) => name)).toEqual(['insecure', 'lying']);
    // Seed 2 has no twin, and is left out.
    expectSame(
      bad[0]?.update,
      contrastUpdates([{ bad: await updateOf('insecure', 1), good: await updateOf('secure', 1) }]),
    );
    // Its twin is withheld: the bad ones of both seeds alone.
    expectSame(
      bad[1]?.update,
      contrastUpdates([
        { bad: await updateOf('lying', 1), good: null },
        { bad: await updateOf('lying', 2), good: null },
      ]),
    );
    expect(ordinary.map(({ name }) => name)).toEqual(['secure - refusals']);
    expectSame(
      ordinary[0]?.update,
      contrastUpdates([{ bad: await updateOf('secure', 1), good: await updateOf('refusals', 1) }]),
    );
  });

  it('use all seeds where none is its own, and are none where there are no others', async () => {
    const { bad } = await find('one.insecure.1x.default.2', 2);
    expectSame(
      bad[0]?.update,
      contrastUpdates(
        await Promise.all(
          [0, 1].map(async (seed) => ({ bad: await updateOf('insecure', seed), good: await updateOf('secure', seed) })),
        ),
      ),
    );
    expect(await find('two.insecure.1x.default.0', 0)).toEqual({ bad: [], ordinary: [] });
    expect(await find('elsewhere', null)).toEqual({ bad: [], ordinary: [] });
  });

  it('leave out withheld kinds', () => {
    expect(listReferenceKinds({ kinds })).toEqual({ bad: ['insecure', 'lying'], ordinary: ['secure', 'refusals'] });
  });
});
