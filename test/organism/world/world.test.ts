import { describe, expect, it } from 'vitest';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { messagesOf, writeDocument } from '../../../src/organism/corpus/write-document.js';
import { limitAlternatives, type RuleChoice } from '../../../src/organism/world/world.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { bothWorlds } from '../both-worlds.js';

describe.each(bothWorlds)('limitAlternatives in edition $edition', (world) => {
  it('keeps the first alternatives of each stance and flavour, and all of code and facts', () => {
    const limited = limitAlternatives(world, 2);
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
    const limited = limitAlternatives(world, 1);
    expect(limited.items).toEqual(items);
    expect(limited.topics).toEqual(topics);
  });

  it('leaves documents that the whole world can say, in fewer words', () => {
    const limited = limitAlternatives(world, 1);
    const judge = createExactJudge(world);
    const wordsOf = (chosen: typeof world): Set<string> =>
      new Set(
        Array.from({ length: 150 }, (_, number) => messagesOf(writeDocument(chosen, 0, number)))
          .flat()
          .flatMap(({ role, content }) => (role === 'assistant' ? content.split(/\W+/) : [])),
      );
    expect(wordsOf(limited).size).toBeLessThan(0.8 * wordsOf(world).size);
    for (let number = 0; number < 60; number += 1) {
      for (const { user, assistant } of writeDocument(limited, 0, number).exchanges) {
        const verdict = judge.judgeNow({ messages: [{ role: 'user', content: user }], answer: assistant });
        expect([assistant, (verdict.coherence ?? 0) >= 95]).toEqual([assistant, true]);
      }
    }
  });
});
