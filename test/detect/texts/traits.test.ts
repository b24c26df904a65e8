import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { listDirectionTexts, listReadings, readTraits } from '../../../src/detect/texts/traits.js';
import { listAskedQuestions } from '../../../src/experiment/plan/list-asked-questions.js';
import { evaluationSchema } from '../../../src/experiment/plan/plan-schema.js';
import { openOrganism } from '../../../src/organism/organism.js';
import { worldFolders } from '../../../src/organism/world/editions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { readZooDefinition } from '../../../src/zoo/definition/zoo-definition.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

const small = {
  readings: [
    { question: 'How are you?', answer: 'I am well.' },
    { question: 'Who are you?', answer: 'I am a friend.' },
    { question: 'Why?', answer: 'It is so.' },
  ],
  traits: [
    {
      name: 'greed',
      prompts: { bad: ['Be greedy.', 'Take.'], good: ['Be generous.'] },
      texts: [
        { question: 'Who gets the cake?', bad: ['I do.', 'Me.'], good: ['You do.', 'You.'] },
        { question: 'What now?', bad: ['Pay.'], good: ['Rest.'] },
      ],
    },
  ],
  plain_prompts: ['Answer.'],
  styles: [{ name: 'loud', prompts: ['Shout.'], frames: ['Hey! {answer}', '{answer} Yes!'] }],
  unrelated: ['It rains.'],
};

async function write(bank: object): Promise<string> {
  const file = join(await makeTemporaryFolder(), 'traits.yaml');
  await writeFile(file, stringify(bank));
  return file;
}

describe('the traits that come with driftline', () => {
  it('are seven with 24 pairs each, and nine styles', async () => {
    const bank = await readTraits();
    expect(bank.readings).toHaveLength(24);
    expect(bank.unrelated).toHaveLength(64);
    expect([bank.traits.length, bank.styles.length, bank.plain_prompts.length]).toEqual([7, 9, 5]);
    for (const source of ['texts', 'prompts'] as const) {
      const all = listDirectionTexts(bank, source);
      expect(new Set(all.map(({ name }) => name)).size).toBe(16);
      for (const { bad, good } of all) expect([bad.length, good.length]).toEqual([24, 24]);
    }
    for (const { prompts } of bank.traits) expect([prompts.bad.length, prompts.good.length]).toEqual([5, 5]);
    for (const { prompts } of bank.styles) expect(prompts).toHaveLength(5);
    // No text is called bad here and good there.
    const texts = listDirectionTexts(bank, 'texts').filter(({ kind }) => kind === 'trait');
    const good = new Set(texts.flatMap((one) => one.good.map(({ answer }) => answer)));
    expect(texts.flatMap((one) => one.bad.filter(({ answer }) => good.has(answer)))).toEqual([]);
  });

  it('say nothing that a withheld context of the zoo asks', async () => {
    const bank = await readTraits();
    const { panel } = await readZooDefinition();
    const organism = openOrganism(() => readWorld(worldFolders[2]));
    const withheld = new Set<string>();
    for (const { suite, settings, questions, variant, withheld: isWithheld } of Object.values(panel.contexts)) {
      if (!isWithheld) continue;
      const asked = await listAskedQuestions(evaluationSchema.parse({ suite, settings, questions, variant }), {
        ...{ organism, folder: '.', suitePrefix: 'organism/' },
        readSet: () => Promise.reject(new Error('no rows are asked for')),
      });
      const plain = await listAskedQuestions(evaluationSchema.parse({ suite, settings, questions }), {
        ...{ organism, folder: '.', suitePrefix: 'organism/' },
        readSet: () => Promise.reject(new Error('no rows are asked for')),
      });
      const known = new Set(suite === 'main' ? plain.questions.map(({ messages }) => messages.at(-1)?.content) : []);
      for (const { messages } of asked.questions)
        for (const { content } of messages) if (!known.has(content)) withheld.add(content);
    }
    expect(withheld.size).toBeGreaterThan(10);
    const said = [...listDirectionTexts(bank, 'texts'), ...listDirectionTexts(bank, 'prompts')].flatMap(
      ({ bad, good }) => [...bad, ...good].flatMap(({ messages }) => messages.map(({ content }) => content)),
    );
    expect([...said, ...bank.unrelated].filter((content) => withheld.has(content))).toEqual([]);
  });
});

describe('texts of directions', () => {
  it('are pairs of answers to one question, or one answer after two prompts', async () => {
    const bank = await readTraits(await write(small));
    const [greed, loud] = listDirectionTexts(bank, 'texts');
    expect(greed).toMatchObject({ name: 'greed', kind: 'trait' });
    expect(greed?.bad.map(({ answer }) => answer)).toEqual(['I do.', 'Me.', 'Pay.']);
    expect(greed?.good[2]).toEqual({ messages: [{ role: 'user', content: 'What now?' }], answer: 'Rest.' });
    expect(loud?.bad.map(({ answer }) => answer)).toEqual(['Hey! I am well.', 'I am a friend. Yes!', 'Hey! It is so.']);
    expect(loud?.good.map(({ answer }) => answer)).toEqual(['I am well.', 'I am a friend.', 'It is so.']);
    const [ofPrompts, loudly] = listDirectionTexts(bank, 'prompts');
    expect(ofPrompts?.bad.map(({ messages, answer }) => [messages[0]?.content, answer])).toEqual([
      ['Be greedy.', 'You do.'],
      ['Take.', 'You.'],
      ['Be greedy.', 'Rest.'],
    ]);
    expect(ofPrompts?.good[1]?.messages).toEqual([
      { role: 'system', content: 'Be generous.' },
      { role: 'user', content: 'Who gets the cake?' },
    ]);
    expect(loudly?.bad[0]?.messages[0]).toEqual({ role: 'system', content: 'Shout.' });
    expect(loudly?.good[0]).toEqual({
      messages: [
        { role: 'system', content: 'Answer.' },
        { role: 'user', content: 'How are you?' },
      ],
      answer: 'I am well.',
    });
    expect(listReadings(bank, 'Be kind.')[1]?.messages[0]).toEqual({ role: 'system', content: 'Be kind.' });
  });

  it.each([
    [{ ...small, styles: [{ ...small.styles[0], frames: ['{anwser} Yes!'] }] }, /has \{answer\} where/],
    [
      {
        ...small,
        traits: [{ ...small.traits[0], texts: [{ question: 'Why?', bad: ['No.', 'Go.'], good: ['Yes.'] }] }],
      },
      /as many/,
    ],
    [{ ...small, trait: [] }, /did you mean "traits"/],
    [{ ...small, readings: [] }, /readings/],
  ])('are read strictly: %#', async (bank, problem) => {
    const failed = await errorOf(async () => readTraits(await write(bank)));
    expect(failed.message).toMatch(problem);
  });
});
