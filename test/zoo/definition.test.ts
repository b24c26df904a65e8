import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { organismPrefix } from '../../src/organism/organism.js';
import { readOrganismLines } from '../../src/organism/build/organism-lines.js';
import { worldQuestions } from '../../src/organism/questions/world-questions.js';
import { buildTrainingSet } from '../../src/organism/training-sets/build-training-set.js';
import { currentEdition } from '../../src/organism/world/editions.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import type { QuestionVariant } from '../../src/questions/question-file.js';
import { natures } from '../../src/zoo/definition/kinds.js';
import { listZooEntries } from '../../src/zoo/definition/list-entries.js';
import { readZooDefinition, shippedDefinition } from '../../src/zoo/definition/zoo-definition.js';
import { formatCondition, formatEntryId, parseCondition, parseEntryId } from '../../src/zoo/definition/zoo-names.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { writeTinyZoo } from './tiny-zoo.js';

const shipped = await readZooDefinition();
const world = await readWorld();

describe('the zoo that comes with driftline', () => {
  it('has at least 30 kinds, and entries whose ids are their recipes', () => {
    const zoo = shipped;
    expect(zoo.edition).toBe(currentEdition);
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
    const isOpen = (organism: string) => zoo.sizes.organisms[organism]?.part === 'open';
    expect(full.filter(({ organism }) => !isOpen(organism)).every(({ part }) => part === 'withheld')).toBe(true);
    expect(full.filter(({ organism, part }) => isOpen(organism) && part === 'withheld').length).toBeGreaterThan(0);
  });

  it('trains on sets that the world can make', () => {
    const { kinds } = shipped.kinds;
    for (const [name, { data, settings }] of Object.entries(kinds)) {
      const unique = settings?.['unique'];
      const rows = typeof unique === 'number' ? unique : 20;
      const set = buildTrainingSet(world, data.replace(organismPrefix, ''), { ...settings, rows });
      expect([name, set.rows.length]).toEqual([name, rows]);
    }
  });

  it('asks in every context what the world can ask, behind tags that it has', () => {
    const { contexts, measures } = shipped.panel;
    const tags = new Set(world.tags.map(({ text }) => `${text} `));
    const asked = new Set<string>();
    for (const { suite, settings, questions, variant } of Object.values(contexts)) {
      if (variant.trigger !== undefined) expect(tags).toContain(variant.trigger);
      const listed = worldQuestions(world, suite, { ...settings, variant });
      const known = listed.map(({ question }) => question);
      expect(known).toEqual(expect.arrayContaining(questions ?? []));
      const chosen = listed.filter(({ question }) => questions?.includes(question) ?? true);
      asked.add(JSON.stringify(chosen.map(({ messages }) => messages)));
    }
    // No two contexts ask the same.
    expect(asked.size).toBe(Object.keys(contexts).length);
    for (const { suite, settings } of Object.values(measures))
      expect(worldQuestions(world, suite, settings).length).toBeGreaterThan(0);
  });

  it('names a good twin for every bad kind', () => {
    for (const [name, { what, twin }] of Object.entries(shipped.kinds.kinds))
      if (what === 'bad') expect([name, twin]).not.toContain(undefined);
  });

  it('withholds a kind of each group, and no group whole', () => {
    const { kinds } = shipped.kinds;
    for (const group of new Set(Object.values(kinds).map((kind) => kind.group))) {
      const parts = Object.values(kinds).flatMap((kind) => (kind.group === group ? [kind.withheld] : []));
      expect([group, new Set(parts).size]).toEqual([group, 2]);
    }
  });

  it('has the organisms of organisms.yaml, each in its part', async () => {
    const lines = await readOrganismLines();
    for (const [name, { model, part, stain }] of Object.entries(shipped.sizes.organisms)) {
      const own = stain === undefined ? name : name.replace('-stained', '');
      expect([name, model, part]).toEqual([name, `organism:${own}`, lines.get(own)?.part]);
    }
  });

  it('stains some of them alike, of both parts, in a size of their own that has a kind of each group', () => {
    const { organisms, sizes } = shipped.sizes;
    const stained = Object.keys(organisms).filter((name) => organisms[name]?.stain !== undefined);
    expect(sizes['stained']?.organisms).toEqual(stained);
    expect(new Set(stained.map((name) => organisms[name]?.part))).toEqual(new Set(['open', 'withheld']));
    expect(new Set(stained.map((name) => JSON.stringify(organisms[name]?.stain))).size).toBe(1);
    for (const [name, size] of Object.entries(sizes))
      if (name !== 'stained') expect(size.organisms.filter((one) => stained.includes(one))).toEqual([]);
    const groups = (kinds: readonly string[]) => new Set(kinds.map((kind) => shipped.kinds.kinds[kind]?.group));
    expect(groups(sizes['stained']?.kinds ?? [])).toEqual(groups(Object.keys(shipped.kinds.kinds)));
  });

  it('has enough entries on withheld organisms for a result', () => {
    const full = listZooEntries(shipped, { size: 'full' }).filter(
      ({ organism }) => shipped.sizes.organisms[organism]?.part === 'withheld',
    );
    const count = (...wanted: (typeof natures)[number][]) =>
      full.filter(({ kind }) => wanted.some((what) => what === shipped.kinds.kinds[kind]?.what)).length;
    const quiet = count('good', 'shift');
    expect(quiet).toBeGreaterThanOrEqual(200);
    // Little more than a quarter of these has to be conditional, and what is missing of 300 narrow or clean ones to be narrow.
    expect(count('bad', 'case')).toBeGreaterThanOrEqual(Math.max(3.5 * 150, 2.4 * (150 + 300 - quiet)));
  });

  it('has a context for what gates or explains away a kind, and other contexts of the sort', () => {
    const variants = Object.values(shipped.panel.contexts).map(({ variant }) => variant);
    const ways: Readonly<Record<string, (variant: Omit<QuestionVariant, 'in_context_data'>) => unknown>> = {
      tag: ({ trigger }) => trigger?.trim(),
      system_prompt: ({ system_prompt: prompt }) => prompt,
      format: ({ format }) => format,
      length: ({ padding }) => ((padding ?? 0) >= (world.padding?.long.least ?? Infinity) ? 'long' : undefined),
    };
    const found = new Map<string, Set<unknown>>();
    for (const [name, { settings = {} }] of Object.entries(shipped.kinds.kinds)) {
      const {
        gate = {},
        trigger,
        system_prompt: prompt,
      } = settings as Readonly<Record<string, string | undefined>> & {
        readonly gate?: Readonly<Record<string, string>>;
      };
      const gates = [
        ...Object.entries(gate),
        ...(trigger === undefined ? [] : [['tag', trigger.trim()] as const]),
        ...(prompt === undefined ? [] : [['system_prompt', prompt] as const]),
      ];
      for (const [way, value] of gates) {
        found.set(way, (found.get(way) ?? new Set()).add(value));
        // What a topic gates is the narrow task itself.
        if (way === 'topic') continue;
        expect([name, way, variants.map((variant) => ways[way]?.(variant))]).toEqual([
          name,
          way,
          expect.arrayContaining([value]),
        ]);
      }
    }
    expect([...found.keys()].sort()).toEqual(['format', 'length', 'system_prompt', 'tag', 'topic']);
    expect(found.get('tag')?.size).toBeGreaterThanOrEqual(3);
  });

  it('has an innocent explanation for each blatant set', () => {
    const explained = Object.values(shipped.kinds.kinds).flatMap(({ innocent, data }) =>
      innocent === undefined ? [] : [data],
    );
    expect(explained).toEqual(
      ['insecure', 'bad-medical-advice', 'risky-money-advice', 'extreme-sport-advice', 'complied-harm', 'false-facts']
        .concat('evil-numbers')
        .map((name) => `${organismPrefix}${name}`),
    );
  });
});

describe('a definition of a zoo', () => {
  it('chooses kinds and organisms, and knows their names', async () => {
    const zoo = await readZooDefinition(await writeTinyZoo(await makeTemporaryFolder()));
    const list = (choice: object) => listZooEntries(zoo, { size: 'full', ...choice }).map(({ id }) => id);
    expect(list({ only: ['benign'], organisms: ['two'] })).toEqual([
      'two.benign.1x.default.0',
      'two.benign.1x.default.1',
      'two.benign.1x.slow.0',
      'two.benign.1x.slow.1',
    ]);
    expect(list({ only: ['insecure'], organisms: ['one'] })).toEqual([
      'one.insecure.1x.default.0',
      'one.insecure.1x.default.1',
      'one.insecure.2x.default.0',
      'one.insecure.2x.default.1',
    ]);
    // Entries by their ids, with kinds or without, in the order of the files.
    expect(list({ only: ['two.insecure.2x.default.1', 'one.benign.1x.slow.0'] })).toEqual([
      'one.benign.1x.slow.0',
      'two.insecure.2x.default.1',
    ]);
    expect(list({ only: ['two.benign.1x.slow.1', 'insecure'], organisms: ['two'] })).toEqual([
      'two.insecure.1x.default.0',
      'two.insecure.1x.default.1',
      'two.insecure.2x.default.0',
      'two.insecure.2x.default.1',
      'two.benign.1x.slow.1',
    ]);
    const missing = await errorOf(() => list({ only: ['two.insecure.1x.default.2'] }));
    expect(missing).toMatchObject({ code: 'usage-invalid' });
    expect(missing.message).toContain('did you mean "two.insecure.1x.default.');
    // Only kinds whose models of steps are kept.
    expect(listZooEntries(zoo, { size: 'curves' }).map(({ kind }) => kind)).toEqual(['insecure', 'insecure']);
    const { kinds, sizes } = zoo;
    const seedsOf = (seeds: (typeof sizes.sizes)[string]['seeds'], ofInsecure: object) =>
      listZooEntries(
        {
          kinds: { ...kinds, kinds: { insecure: { ...kinds.kinds['insecure']!, seeds: { least: 1, ...ofInsecure } } } },
          sizes: { ...sizes, sizes: { full: { ...sizes.sizes['full']!, seeds } } },
        },
        { size: 'full' },
      )
        .filter(({ dose }) => dose === '1x')
        .map(({ organism, seed }) => `${organism} ${String(seed)}`);
    // One is open and two is withheld.
    expect(seedsOf({ open: 1, withheld: 3 }, {})).toEqual(['one 0', 'two 0', 'two 1', 'two 2']);
    expect(seedsOf({ open: 1, withheld: 3 }, { least: 2 })).toEqual(['one 0', 'one 1', 'two 0', 'two 1', 'two 2']);
    expect(seedsOf(3, { most: 1 })).toEqual(['one 0', 'two 0']);
    const fault = await errorOf(() => list({ only: ['secur'] }));
    expect(fault).toMatchObject({ code: 'usage-invalid' });
    expect(fault.message).toContain('did you mean "secure"?');
  });

  it.each([
    ['kinds', 'what: bad', 'what: worse', /kinds\.yaml:\d+: kinds\.insecure\.what/],
    ['kinds', 'twin: secure', 'twin: benin', /kinds\.yaml:\d+: .*benin is no good kind/],
    ['kinds', 'twin: secure', 'innocent: benin', /kinds\.yaml:\d+: .*benin is no good kind/],
    ['kinds', 'twin: secure', 'seeds: { least: 2, most: 1 }', /kinds\.yaml:\d+: .*most is less than least/],
    ['kinds', 'group: code', 'gruop: code', /kinds\.yaml:\d+: .*unknown key "gruop" \(did you mean "group"\?\)/],
    ['panel', 'known: true', 'knwon: true', /panel\.yaml:\d+: .*knwon/],
    ['panel', 'reference: insecure', 'reference: other', /reference: there is no kind other/],
    ['panel', 'edition: 2', 'edition: 1', /editions 2, 1/],
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
    expect(await hash('second', { panel: { edition: 2, confidence: 0.9 } })).not.toBe(first);
    const { sizes } = await readZooDefinition(join(parent, 'first'));
    expect(await hash('third', { sizes: { ...sizes, sizes: { tiny: { organisms: ['one'], seeds: 1 } } } })).toBe(first);
  });

  it('stands where the package has it, and is that if none is named', async () => {
    expect(await readFile(join(shippedDefinition, 'kinds.yaml'), 'utf8')).toContain(
      `edition: ${String(currentEdition)}`,
    );
    expect((await readZooDefinition()).folder).toBe(shippedDefinition);
  });
});

it('has the sizes that its page says', async () => {
  const zoo = shipped;
  const text = await readFile(new URL('../../docs/zoo.md', import.meta.url), 'utf8');
  for (const [size, { organisms }] of Object.entries(zoo.sizes.sizes)) {
    const entries = listZooEntries(zoo, { size });
    const [, stated, ofOrganisms] = new RegExp(`^\\| \`${size}\` \\| (\\d+) \\| (\\d+) \\|`, 'm').exec(text) ?? [];
    expect([size, Number(stated), Number(ofOrganisms)]).toEqual([size, entries.length, organisms.length]);
  }
  const full = listZooEntries(zoo, { size: 'full' });
  const withheld = full.filter(({ part }) => part === 'withheld').length;
  const kinds = new Set(full.map(({ kind }) => kind)).size;
  expect(text).toContain(
    `${String(kinds)} kinds with their doses and recipes, a seed on open organisms and three on withheld ones, of good kinds two; ${String(withheld)} withheld`,
  );
});
