import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { worldFolder } from '../../../src/organism/world/editions.js';
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

describe('a world with a fault', () => {
  const copyWorld = async (): Promise<string> => {
    const folder = join(await makeTemporaryFolder(), 'world');
    await cp(worldFolder, folder, { recursive: true });
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
