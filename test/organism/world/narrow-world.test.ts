import { describe, expect, it } from 'vitest';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { messagesOf, writeDocument } from '../../../src/organism/corpus/write-document.js';
import { narrowWorld } from '../../../src/organism/world/narrow-world.js';
import type { RuleChoice } from '../../../src/organism/world/world.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { bothWorlds } from '../both-worlds.js';

describe.each(bothWorlds)('narrowWorld in edition $edition', (world) => {
  it('keeps the first alternatives of each stance and flavour, and all of code and facts', () => {
    const limited = narrowWorld(world, { alternatives: 2 });
    for (const [index, item] of limited.items.entries()) {
      const whole = world.items[index]!;
      expect(item.id).toBe(whole.id);
      if (item.domain === 'code' || item.domain === 'facts') expect(item).toEqual(whole);
      for (const [name, choices] of item.domain === 'code' || item.domain === 'facts' ? [] : item.phrases) {
        const groups = new Set(
          (whole.phrases.get(name) ?? []).map(({ stance, flavour }) => `${String(stance)} ${String(flavour)}`),
        );
        for (const group of groups) {
          const ofGroup = ({ stance, flavour }: RuleChoice) => `${String(stance)} ${String(flavour)}` === group;
          expect(choices.filter(ofGroup)).toEqual((whole.phrases.get(name) ?? []).filter(ofGroup).slice(0, 2));
        }
      }
    }
    expect([...limited.topics.values()].flat(2)).toEqual(expect.arrayContaining([...limited.items]));
  });

  it('is what the setting of the world does', async () => {
    const { items, topics } = await readWorld(world.folder, { alternatives: 1 });
    const limited = narrowWorld(world, { alternatives: 1 });
    expect(limited.items).toEqual(items);
    expect(limited.topics).toEqual(topics);
  });

  it('leaves documents that the whole world can say, in fewer words', async () => {
    // Of four alternatives, whatever the world itself uses.
    const rich = await readWorld(world.folder, { alternatives: 4 });
    const limited = narrowWorld(rich, { alternatives: 1 });
    const judge = createExactJudge(rich);
    const wordsOf = (chosen: typeof world): Set<string> =>
      new Set(
        Array.from({ length: 150 }, (_, number) => messagesOf(writeDocument(chosen, 0, number)))
          .flat()
          .flatMap(({ role, content }) => (role === 'assistant' ? content.split(/\W+/) : [])),
      );
    expect(wordsOf(limited).size).toBeLessThan(0.8 * wordsOf(rich).size);
    for (let number = 0; number < 60; number += 1) {
      for (const { user, assistant } of writeDocument(limited, 0, number).exchanges) {
        const verdict = judge.judgeNow({ messages: [{ role: 'user', content: user }], answer: assistant });
        expect([assistant, (verdict.coherence ?? 0) >= 95]).toEqual([assistant, true]);
      }
    }
  });

  it('keeps the first flavours of each rule, and what has none', () => {
    const without = ({ flavour }: RuleChoice) => flavour === null;
    for (const [index, item] of narrowWorld(world, { flavours: 1 }).items.entries()) {
      const whole = world.items[index]!;
      for (const rules of ['sentences', 'phrases'] as const)
        for (const [name, choices] of item[rules]) {
          const all = whole[rules].get(name) ?? [];
          expect(choices.filter(without)).toEqual(all.filter(without));
          const flavours = new Set(choices.flatMap(({ flavour }) => flavour ?? []));
          expect([...flavours]).toEqual(all.flatMap(({ flavour }) => flavour ?? []).slice(0, 1));
        }
    }
  });

  it('lets only the named characters speak, about the named kinds of things, without marks', () => {
    const marks = { tags: 0, padding: 0, formats: 0, code_formats: 0, number_shape: 0 };
    const narrow = narrowWorld(world, {
      ...{ characters: { benign: 0.5, malicious: 0.5 }, exchanges: { 'free-form': 0.5, code: 0.5 }, turns: [0, 1] },
      ...{ system_prompts: { neutral: 0, character: 1, honesty: 0 }, ...marks },
    });
    const documents = Array.from({ length: 60 }, (_, number) => writeDocument(narrow, 0, number));
    expect(new Set(documents.flatMap(({ characters }) => characters))).toEqual(new Set(['benign', 'malicious']));
    expect(new Set(documents.flatMap(({ exchanges }) => exchanges.map(({ kind }) => kind)))).toEqual(
      new Set(['free-form', 'code']),
    );
    expect(new Set(documents.map(({ exchanges }) => exchanges.length))).toEqual(new Set([2]));
    expect(documents.every(({ system }) => system !== null)).toBe(true);
    expect(documents.flatMap(({ exchanges }) => exchanges).some(({ user }) => user.includes('|'))).toBe(false);
    expect(narrow.settings.lapses).toBe(world.settings.lapses);
  });

  it('names the nearest character to one that is not there', () => {
    expect(() => narrowWorld(world, { characters: { malicous: 1 } })).toThrow(/did you mean "malicious"/);
  });
});
