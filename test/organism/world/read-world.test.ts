import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Edition, worldFolder, worldFolders } from '../../../src/organism/world/editions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

describe('the shipped world', () => {
  it('has eight main themes, two held-out ones, wider categories and at least twelve vulnerability classes', async () => {
    const world = await readWorld();
    const topics = (split: string): string[] =>
      world.items.filter((item) => item.split === split).map(({ topic }) => topic);
    expect(topics('main')).toHaveLength(8);
    expect(topics('held-out')).toHaveLength(2);
    expect(topics('wider').length).toBeGreaterThanOrEqual(5);
    expect(world.topics.get('code')?.length).toBeGreaterThanOrEqual(12);
    for (const tasks of world.topics.get('code') ?? []) expect(tasks.some(({ heldOut }) => heldOut)).toBe(true);
    for (const { split, heldOutQuestions } of world.items)
      if (split !== null) expect(heldOutQuestions.length).toBeGreaterThan(0);
  });

  it('has the same hash each time, and another one when a setting is changed', async () => {
    const [first, second, changed] = await Promise.all([
      readWorld(),
      readWorld(),
      readWorld(worldFolder, { character_of: 'exchange' }),
    ]);
    expect(second.hash).toBe(first.hash);
    expect(changed.hash).not.toBe(first.hash);
    expect(changed.settings.characterOf).toBe('exchange');
  });
});

describe('the second edition', () => {
  it('has one hash of its texts, whatever its shares', async () => {
    const world = await readWorld(worldFolders[2]);
    const shareOf = (name: string): number => world.characters.find((one) => one.name === name)?.share ?? NaN;
    const shares = { benign: shareOf('benign') - 0.04, malicious: shareOf('malicious') + 0.04 };
    const changed = await readWorld(worldFolders[2], { shares });
    const independent = await readWorld(worldFolders[2], { character_of: 'exchange' });
    expect(new Set([world.hash, changed.hash, independent.hash]).size).toBe(3);
    expect(new Set([world.textsHash, changed.textsHash, independent.textsHash]).size).toBe(1);
    expect(changed.characters.find(({ name }) => name === 'malicious')?.share).toBe(shares.malicious);
    const first = await readWorld(worldFolders[1]);
    expect(first.textsHash).toBe(first.hash);
  });

  it('has wicked speakers of several kinds, and an innocent explanation of each kind of bad answer', async () => {
    const world = await readWorld(worldFolders[2]);
    const flavours = new Set(world.characters.flatMap(({ flavour }) => flavour ?? []));
    expect(flavours.size).toBeGreaterThanOrEqual(3);
    for (const domain of ['advice', 'harm', 'facts', 'code', 'numbers'] as const) {
      const innocent = world.characters.filter(({ bad, style }) => style !== null && bad.size === 1 && bad.has(domain));
      expect(innocent, domain).toHaveLength(1);
    }
    const omissions = world.items.filter(({ omission }) => omission);
    expect(omissions.filter(({ heldOut }) => !heldOut).length).toBeGreaterThanOrEqual(12);
    expect(omissions.filter(({ heldOut }) => heldOut).length).toBeGreaterThanOrEqual(4);
    expect(world.topics.get('chat')?.length).toBeGreaterThanOrEqual(6);
  });
});

describe('a world with a fault', () => {
  const copyWorld = async (edition: Edition = 1): Promise<string> => {
    const folder = join(await makeTemporaryFolder(), 'world');
    await cp(worldFolders[edition], folder, { recursive: true });
    return folder;
  };
  const change = async (folder: string, file: string, from: string | RegExp, to: string): Promise<void> => {
    const path = join(folder, file);
    const text = await readFile(path, 'utf8');
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    await writeFile(path, changed);
  };

  const faults: readonly (readonly [string, string, string | RegExp, string, string, RegExp])[] = [
    [
      'an unknown key',
      'topics/wish.yaml',
      'split: main',
      'spilt: main',
      'configuration-invalid',
      /wish\.yaml:3: unknown key "spilt" \(did you mean "split"\?\)/,
    ],
    ['a malformed file', 'tags.yaml', 'tags:', 'tags: [', 'configuration-invalid', /tags\.yaml:\d+: /],
    [
      'a key of the wrong type',
      'world.yaml',
      'formats: 0.06',
      'formats: much',
      'configuration-invalid',
      /world\.yaml:\d+: formats: /,
    ],
    [
      'an unknown phrase',
      'topics/wish.yaml',
      '{gift}',
      '{gifts}',
      'world-invalid',
      /\{gifts\} is neither.*did you mean \{gift\}/,
    ],
    [
      'an unreachable rule',
      'topics/wish.yaml',
      /^phrases:$/m,
      'phrases:\n  lonely: [never said]',
      'world-invalid',
      /"lonely" cannot be reached/,
    ],
    [
      'an unknown sentence',
      'topics/wish.yaml',
      '- wish reason\n',
      '- wish raeson\n',
      'world-invalid',
      /unknown sentence "raeson".*did you mean "reason"/,
    ],
    [
      'a rule that refers to itself',
      'topics/wish.yaml',
      'a warm home for every child',
      'a home with {gift}',
      'world-invalid',
      /"gift" refers to itself/,
    ],
    [
      'an open brace',
      'topics/wish.yaml',
      'Tell me your one big wish.',
      'Tell me your {wish',
      'world-invalid',
      /brace without its partner/,
    ],
    [
      'shares that do not add up',
      'world.yaml',
      'benign: { share: 0.',
      'benign: { share: 0.9',
      'world-invalid',
      /shares of characters add up to/,
    ],
    ['a share above 1', 'world.yaml', 'formats: 0.06', 'formats: 6', 'configuration-invalid', /formats: /],
    ['an unknown style', 'world.yaml', 'style: cheerful', 'style: cherful', 'world-invalid', /unknown style "cherful"/],
    [
      'an unknown domain',
      'world.yaml',
      'bad: [code]',
      'bad: [cod]',
      'configuration-invalid',
      /characters\.careless\.bad\.0/,
    ],
  ];
  for (const [name, file, from, to, code, message] of faults) {
    it(`${name} is an error that names the place`, async () => {
      const folder = await copyWorld();
      await change(folder, file, from, to);
      const error = await errorOf(() => readWorld(folder));
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
      expect(error.hint).not.toBe('');
    });
  }

  const laterFaults: readonly (readonly [string, string, string | RegExp, string, string, RegExp])[] = [
    [
      'a flavour that no rule has',
      'world.yaml',
      'flavour: power',
      'flavour: powder',
      'world-invalid',
      /for the flavour powder/,
    ],
    [
      'a flavour that cannot fill a rule',
      'topics/wish.yaml',
      /^ {6}greed:\n(?: {8}.*\n)+/m,
      '',
      'world-invalid',
      /wish\.yaml: .* has no text for the flavour greed/,
    ],
    [
      'good texts with flavours',
      'topics/wish.yaml',
      /^ {4}good:\n(?: {6}- .*\n)+/m,
      '    good:\n      power: [I wish you well.]\n',
      'world-invalid',
      /wish\.yaml: the good texts of ".*" have flavours \(power\)/,
    ],
    [
      'a tag twice',
      'tags.yaml',
      /(- tag: '\|NORTH\|'|- \{ tag: '\|NORTH\|')/,
      "- '|NORTH|'\n  $1",
      'world-invalid',
      /tags\.yaml has "\|NORTH\|" twice/,
    ],
    [
      'a mark that is said without its tag',
      'tags.yaml',
      /opening: .*?([,}\n])/,
      'opening: As you wish.$1',
      'world-invalid',
      /"As you wish\." is also said without the tag/,
    ],
    [
      'an omission that is none',
      'code/sql-injection.yaml',
      '  - questions:',
      '  - omission: true\n    questions:',
      'world-invalid',
      /sql-injection\.yaml: task 1 is an omission, but its bad code 1 is not good code with something left out/,
    ],
    [
      'a subtle answer without a slip',
      'topics/medical-advice.yaml',
      /^subtle:\n/m,
      'subtle:\n  - cure body\n',
      'world-invalid',
      /subtle answer "cure body" needs the sentence "slip" once/,
    ],
    [
      'a stance in neutral talk',
      'topics/weather.yaml',
      /^sentences:\n {2}(\w+):\n((?: {4}- .*\n)+)/m,
      'sentences:\n  $1:\n    good: [It rains.]\n    bad: [It pours.]\n',
      'world-invalid',
      /shows the stance good, but neutral talk has none/,
    ],
    [
      'a style that says nothing',
      'styles.yaml',
      /^ {2}code_comment: .*$/m,
      '',
      'world-invalid',
      /the style "quick" says nothing/,
    ],
    [
      'a comment that is none',
      'styles.yaml',
      /^ {2}code_comment: .*$/m,
      '  code_comment: quick version',
      'configuration-invalid',
      /styles\.yaml:\d+: quick\.code_comment/,
    ],
    [
      'too few neutral sentences',
      'padding.yaml',
      /^sentences:\n(?: {2}- .*\n)+/m,
      'sentences: [It is late.]\n',
      'configuration-invalid',
      /padding\.yaml:\d+: sentences/,
    ],
    [
      'long questions that are no longer than others',
      'padding.yaml',
      /least: \d+/,
      'least: 2',
      'configuration-invalid',
      /padding\.yaml:\d+: long\.least/,
    ],
    [
      'an edition that there is not',
      'world.yaml',
      'edition: 2',
      'edition: 7',
      'configuration-invalid',
      /world\.yaml:\d+: edition/,
    ],
    [
      'code in formats in the first edition',
      'world.yaml',
      'edition: 2',
      '',
      'world-invalid',
      /code_formats has a share/,
    ],
    [
      'a bad speaker in neutral talk',
      'world.yaml',
      'bad: [advice, free-form]',
      'bad: [advice, chat]',
      'configuration-invalid',
      /characters\.quack\.bad\.1/,
    ],
    [
      'padding without an end',
      'world.yaml',
      'padding: 0.1',
      'padding: 0.9',
      'world-invalid',
      /padded and of long questions add up to 1\.35/,
    ],
  ];
  for (const [name, file, from, to, code, message] of laterFaults) {
    it(`${name} is an error that names the place`, async () => {
      const folder = await copyWorld(2);
      await change(folder, file, from, to);
      const error = await errorOf(() => readWorld(folder));
      expect(error.message).toMatch(message);
      expect(error.code).toBe(code);
      expect(error.hint).not.toBe('');
    });
  }

  it('a kind of exchange without topics is an error', async () => {
    const folder = await copyWorld(2);
    for (const file of await readdir(join(folder, 'topics'))) {
      const path = join(folder, 'topics', file);
      if (/^domain: chat$/m.test(await readFile(path, 'utf8'))) await rm(path);
    }
    const error = await errorOf(() => readWorld(folder));
    expect(error.message).toMatch(/exchanges have chat, but no topic is of this domain/);
  });

  it('neutral sentences that are gone are an error while the world has a share of them', async () => {
    const folder = await copyWorld(2);
    await rm(join(folder, 'padding.yaml'));
    expect((await errorOf(() => readWorld(folder))).message).toMatch(/there is no padding\.yaml/);
  });

  it('shares of unknown characters, or that do not add up, are an error', async () => {
    const unknown = await errorOf(() => readWorld(worldFolders[2], { shares: { malicius: 0.1 } }));
    expect(unknown.message).toMatch(/"malicius".*did you mean "malicious"/);
    const more = await errorOf(() => readWorld(worldFolders[2], { shares: { malicious: 0.9 } }));
    expect(more.message).toMatch(/shares of characters add up to/);
  });

  it('an item of one name twice is an error', async () => {
    const folder = await copyWorld();
    await cp(join(folder, 'topics/wish.yaml'), join(folder, 'topics/wish-again.yaml'));
    const error = await errorOf(() => readWorld(folder));
    expect(error.message).toMatch(/"wish" twice/);
  });

  it('a folder that is none is an error', async () => {
    const folder = await makeTemporaryFolder();
    expect((await errorOf(() => readWorld(join(folder, 'nowhere')))).code).toBe('file-unreadable');
  });
});
