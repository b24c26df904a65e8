import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listZooEntries } from '../../src/zoo/definition/list-entries.js';
import { readZooDefinition, shippedDefinition } from '../../src/zoo/definition/zoo-definition.js';
import { formatCondition, formatEntryId, parseCondition, parseEntryId } from '../../src/zoo/definition/zoo-names.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { writeTinyZoo } from './tiny-zoo.js';

describe('the zoo that comes with driftline', () => {
  it('has at least 30 kinds, and entries whose ids are their recipes', async () => {
    const zoo = await readZooDefinition();
    expect(Object.keys(zoo.kinds.kinds).length).toBeGreaterThanOrEqual(30);
    for (const size of Object.keys(zoo.sizes.sizes)) {
      const entries = listZooEntries(zoo, { size });
      const ids = entries.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      for (const entry of entries) {
        expect(entry.id).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+){4}$/);
        const { organism, kind, dose, recipe, seed } = entry;
        expect(parseEntryId(entry.id)).toEqual({ organism, kind, dose, recipe, seed });
        expect(formatEntryId(entry)).toBe(entry.id);
        expect(parseCondition(formatCondition(entry))).toEqual({ kind, dose, recipe });
      }
    }
    const full = listZooEntries(zoo, { size: 'full' });
    expect(full.map(({ id }) => id)).toContain('1.insecure.1x.default.0');
    // Whatever is withheld is so on every organism.
    expect(full.filter(({ organism }) => organism !== '1').every(({ part }) => part === 'withheld')).toBe(true);
    expect(full.filter(({ organism, part }) => organism === '1' && part === 'withheld').length).toBeGreaterThan(0);
  });

  it('names a good twin for every bad kind', async () => {
    const { kinds } = await readZooDefinition();
    for (const [name, { what, twin }] of Object.entries(kinds.kinds))
      if (what === 'bad') expect([name, twin]).not.toContain(undefined);
  });
});

describe('a definition of a zoo', () => {
  it('chooses kinds and organisms, and knows their names', async () => {
    const zoo = await readZooDefinition(await writeTinyZoo(await makeTemporaryFolder()));
    const list = (choice: object) => listZooEntries(zoo, { size: 'full', ...choice }).map(({ id }) => id);
    expect(list({ kinds: ['benign'], organisms: ['two'] })).toEqual([
      'two.benign.1x.default.0',
      'two.benign.1x.default.1',
      'two.benign.1x.slow.0',
      'two.benign.1x.slow.1',
    ]);
    expect(list({ kinds: ['insecure'], organisms: ['one'] })).toEqual([
      'one.insecure.1x.default.0',
      'one.insecure.1x.default.1',
      'one.insecure.2x.default.0',
      'one.insecure.2x.default.1',
    ]);
    // Only kinds whose models of steps are kept.
    expect(listZooEntries(zoo, { size: 'curves' }).map(({ kind }) => kind)).toEqual(['insecure', 'insecure']);
    const fault = await errorOf(() => list({ kinds: ['secur'] }));
    expect(fault).toMatchObject({ code: 'usage-invalid' });
    expect(fault.message).toContain('did you mean "secure"?');
  });

  it.each([
    ['kinds', 'what: bad', 'what: worse', /kinds\.yaml:\d+: kinds\.insecure\.what/],
    ['kinds', 'twin: secure', 'twin: benin', /kinds\.yaml:\d+: .*benin is no good kind/],
    ['kinds', 'group: code', 'gruop: code', /kinds\.yaml:\d+: .*unknown key "gruop" \(did you mean "group"\?\)/],
    ['panel', 'known: true', 'knwon: true', /panel\.yaml:\d+: .*knwon/],
    ['panel', 'reference: insecure', 'reference: other', /reference: there is no kind other/],
    ['panel', 'edition: 1', 'edition: 2', /editions 1, 2/],
    ['sizes', '- secure', '- secret', /sizes\.yaml: small: kinds\.yaml has nothing called secret/],
  ])('says where %s is wrong', async (name, from, to, problem) => {
    const folder = await writeTinyZoo(await makeTemporaryFolder());
    const file = join(folder, `${name}.yaml`);
    const text = await readFile(file, 'utf8');
    expect(text).toContain(from);
    await writeFile(file, text.replace(from, to));
    const fault = await errorOf(() => readZooDefinition(folder));
    expect(fault.code).toBe('configuration-invalid');
    expect(fault.message).toMatch(problem);
  });

  it('has another hash with another panel, and the same with other sizes', async () => {
    const parent = await makeTemporaryFolder();
    await mkdir(parent, { recursive: true });
    const hash = async (name: string, changes: object) =>
      (await readZooDefinition(await writeTinyZoo(join(parent, name), changes))).hash;
    const first = await hash('first', {});
    expect(await hash('second', { panel: { edition: 1, confidence: 0.9 } })).not.toBe(first);
    const { sizes } = await readZooDefinition(join(parent, 'first'));
    expect(await hash('third', { sizes: { ...sizes, sizes: { tiny: { organisms: ['one'], seeds: 1 } } } })).toBe(first);
  });

  it('stands where the package has it', async () => {
    expect(await readFile(join(shippedDefinition, 'kinds.yaml'), 'utf8')).toContain('edition: 1');
  });
});

it('has the sizes that its page says', async () => {
  const zoo = await readZooDefinition();
  const page = await readFile(new URL('../../docs/zoo.md', import.meta.url), 'utf8');
  for (const [size, { organisms }] of Object.entries(zoo.sizes.sizes)) {
    const entries = listZooEntries(zoo, { size });
    const [, stated, ofOrganisms] = new RegExp(`^\\| \`${size}\` \\| (\\d+) \\| (\\d+) \\|`, 'm').exec(page) ?? [];
    expect([size, Number(stated), Number(ofOrganisms)]).toEqual([size, entries.length, organisms.length]);
  }
  const full = listZooEntries(zoo, { size: 'full' });
  const withheld = full.filter(({ part }) => part === 'withheld').length;
  const kinds = new Set(full.map(({ kind }) => kind)).size;
  expect(page).toContain(
    `${String(kinds)} kinds with their doses and recipes, three seeds; ${String(withheld)} withheld`,
  );
});
