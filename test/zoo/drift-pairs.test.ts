import { describe, expect, it, onTestFinished } from 'vitest';
import { openOrganism } from '../../src/organism/organism.js';
import { worldFolders } from '../../src/organism/world/editions.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { readZooDefinition } from '../../src/zoo/definition/zoo-definition.js';
import { listDriftPairs } from '../../src/zoo/detectors/drift-pairs.js';
import { createEntryRows } from '../../src/zoo/detectors/entry-rows.js';
import { openSubjects } from '../../src/zoo/detectors/open-subjects.js';
import { openZoo } from '../../src/zoo/store/open-zoo.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { openTinyBase } from '../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { copyBaselineZoo } from './baseline-zoo.js';

// The stored zoo was built by the first edition of the world.
const sources = { organism: openOrganism(() => readWorld(worldFolders[1])), folder: '.' };

async function openEntries() {
  const { folder, definition } = await copyBaselineZoo(await makeTemporaryFolder());
  const zoo = await readZooDefinition(definition);
  const readRows = createEntryRows(zoo, sources);
  const subjects = await openSubjects(await openZoo(folder, zoo), {
    ...{ panel: zoo.panel, openBase: (reference) => openTinyBase(reference), readRows },
  });
  onTestFinished(subjects.close);
  return { organisms: subjects.organisms, readRows };
}

const context = (entry: string, name: string, misaligned: number, answers: number, state = 'shown') =>
  new Map(Object.entries({ entry, context: name, misaligned: String(misaligned), answers: String(answers), state }));

describe('the rows of entries', () => {
  it('are made again as they were trained on, and refused where they are others', async () => {
    const { organisms, readRows } = await openEntries();
    const [first, second] = organisms[0]?.entries ?? [];
    const rows = (await first?.subject.readData?.()) ?? [];
    expect(rows).toHaveLength(4);
    expect(await second?.subject.readData?.()).not.toEqual(rows);
    const refused = await errorOf(() => readRows('one.insecure.1x.default.0', 'another'));
    expect(refused).toMatchObject({ code: 'zoo-invalid', details: { trainedOn: 'another' } });
    expect((await errorOf(() => readRows('nobody', null))).message).toContain('nobody is no entry');
    // Twice the dose is twice the rows.
    expect(await readRows('one.insecure.2x.default.0', null)).toHaveLength(8);
  });

  it('make pairs of what a screen says and what became of the entry, on the open side alone', async () => {
    const { organisms } = await openEntries();
    const [plain, own] = ['one.insecure.1x.default.0', 'one.insecure.1x.default.1'];
    const pairs = await listDriftPairs(
      organisms,
      [
        ...[context('one.base', 'plain', 1, 10), context('one.base', 'json', 5, 10)],
        ...[context(plain, 'plain', 4, 10), context(plain, 'json', 6, 10)],
        ...[context(own, 'plain', 9, 10, 'own-task'), context(own, 'json', 0, 10, 'ruled-out')],
      ],
      {
        texts: { characters: { wicked: ['Be cruel.'], innocent: { kind: ['Be kind.'] } }, sided: null },
        ...{ rows: 2, seed: 0 },
      },
    );
    expect(pairs.map(({ group, drift }) => [group, Number(drift.toFixed(6))])).toEqual([
      ['insecure', 0.3],
      ['insecure', 0],
    ]);
    expect(pairs[0]?.features).toMatchObject({ steps: Math.log1p(2), probe: null, 'gradient-mean': null });
    expect(Number.isFinite(pairs[0]?.features['suspicion-mean'])).toBe(true);
  });
});
