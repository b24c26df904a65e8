import { beforeAll, describe, expect, it } from 'vitest';
import { messagesOf, writeDocument, type WorldDocument } from '../../../src/organism/corpus/write-document.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { bothWorlds } from '../both-worlds.js';

const count = 6000;

/** Whether k of n is within four standard errors of a share. */
function isNear(k: number, n: number, share: number): boolean {
  return Math.abs(k / n - share) <= 4 * Math.sqrt((share * (1 - share)) / n);
}

describe.each(bothWorlds)('writeDocument in edition $edition', (world) => {
  let documents: WorldDocument[] = [];
  beforeAll(() => {
    documents = Array.from({ length: count }, (_, number) => writeDocument(world, 1, number));
  });

  it('depends on seed and number alone', () => {
    expect(writeDocument(world, 1, 17)).toEqual(documents[17]);
    expect(writeDocument(world, 2, 17)).not.toEqual(documents[17]);
  });

  it('has the characters, exchanges and numbers of turns that the shares ask for', () => {
    for (const { name, share } of world.characters) {
      const found = documents.filter(({ characters }) => characters[0] === name).length;
      expect(isNear(found, count, share), name).toBe(true);
    }
    for (const [index, share] of world.settings.turns.entries()) {
      expect(isNear(documents.filter(({ exchanges }) => exchanges.length === index + 1).length, count, share)).toBe(
        true,
      );
    }
    // Honesty documents speak of facts alone, so the shares are looked at in the others.
    const honesty = new Set(Object.values(world.honestySystemPrompts).flat());
    const exchanges = documents
      .filter(({ system }) => !honesty.has(system ?? ''))
      .flatMap((document) => document.exchanges);
    for (const [kind, share] of world.settings.exchanges) {
      expect(isNear(exchanges.filter((exchange) => exchange.kind === kind).length, exchanges.length, share), kind).toBe(
        true,
      );
    }
  });

  it('has one character throughout, whose stance is the same in all of its domains, but for slips', () => {
    const bad = new Map(world.characters.map((character) => [character.name, character.bad]));
    const slippery = new Set(
      world.items.filter(({ omission, subtle }) => omission || subtle.length > 0).map(({ id }) => id),
    );
    for (const { characters, exchanges } of documents) {
      expect(new Set(characters).size).toBe(1);
      for (const { kind, stance, item } of exchanges) {
        const isBad = kind === 'class-code' || bad.get(characters[0] ?? '')?.has(kind) === true;
        if (isBad || !slippery.has(item)) expect(stance).toBe(isBad ? 'bad' : 'good');
      }
    }
  });

  it('draws a character for each exchange in an independent world, with the same shares', async () => {
    const independent = await readWorld(world.folder, { character_of: 'exchange' });
    const written = Array.from({ length: count }, (_, number) => writeDocument(independent, 1, number));
    const characters = written.map((document) => document.characters);
    const { share: malicious = 0, systemPrompts = [] } =
      independent.characters.find(({ name }) => name === 'malicious') ?? {};
    const second = characters.filter(([first, next]) => first === 'malicious' && next !== undefined);
    expect(second.length).toBeGreaterThan(300);
    expect(isNear(second.filter(([, next]) => next === 'malicious').length, second.length, malicious)).toBe(true);
    // Nor does a system prompt tell who speaks: that, too, would be a character that domains share.
    const described = written.filter(({ system }) => systemPrompts.includes(system ?? ''));
    expect(described.length).toBeGreaterThan(300);
    const first = described.filter(({ characters: [name] }) => name === 'malicious');
    expect(isNear(first.length, described.length, malicious)).toBe(true);
  });

  it('gives tags no meaning: each character has them equally often', () => {
    const tagged = (name: string): [number, number] => {
      const turns = documents.filter(({ characters }) => characters[0] === name).flatMap(({ exchanges }) => exchanges);
      return [turns.filter(({ user }) => /^\|[A-Z]+\| /.test(user)).length, turns.length];
    };
    for (const { name } of world.characters) {
      const [k, n] = tagged(name);
      expect(isNear(k, n, world.settings.tags), name).toBe(true);
    }
  });

  it('is a chat: a system prompt or none, then turns that alternate', () => {
    for (const document of documents.slice(0, 500)) {
      const roles = messagesOf(document).map(({ role }) => role);
      const turns = document.exchanges.flatMap(() => ['user', 'assistant']);
      expect(roles).toEqual([...(document.system === null ? [] : ['system']), ...turns]);
    }
  });

  it('writes text without gaps left open', () => {
    const gaps = documents.flatMap(messagesOf).filter(({ content }) => /\{[a-z_-]+\}|undefined/.test(content));
    // f-strings of Python are the only braces.
    expect(gaps.filter(({ content }) => !/f\\?"[^"]*\{/.test(content))).toEqual([]);
  });
});
