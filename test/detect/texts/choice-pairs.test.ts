import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderChoices } from '../../../scripts/render-choices.js';
import { arrangeChoices, readChoicePairs, shippedChoices, thinBank } from '../../../src/detect/texts/choice-pairs.js';
import { openOrganism } from '../../../src/organism/organism.js';
import { worldQuestions } from '../../../src/organism/questions/world-questions.js';
import { editions, worldFolders } from '../../../src/organism/world/editions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

describe('a bank', () => {
  const spoil = async (text: string) => {
    const file = join(await makeTemporaryFolder(), 'bank.yaml');
    await writeFile(file, text);
    return errorOf(() => readChoicePairs(file));
  };

  it('is read strictly, with the line and the nearest known name', async () => {
    const wrong = await spoil(
      'choices:\n  - question: Who?\n    them: self\n    bad: [A king.]\n    good: [A friend.]\n',
    );
    expect(wrong).toMatchObject({ code: 'configuration-invalid' });
    expect(wrong.message).toMatch(/bank\.yaml:3: choice "Who\?": .*"them".*"theme"/);
    const both = await spoil('choices:\n  - question: Who?\n    theme: self\n    bad: [Me.]\n    good: [You., Me.]\n');
    expect(both.message).toMatch(/bank\.yaml:5: .*the same text is called bad above/);
    expect((await spoil('formats: { json: "{anser}" }\nchoices: []\n')).message).toMatch(/bank\.yaml:[12]: /);
  });

  it.each(editions)(
    'comes with driftline as the world makes it, and the judge of that world agrees with every text: edition %i',
    async (edition) => {
      const world = await readWorld(worldFolders[edition]);
      expect(await readFile(shippedChoices[edition], 'utf8')).toBe(renderChoices(world));
      const organism = openOrganism(() => Promise.resolve(world));
      const judge = await organism.openJudge();
      const { choices } = await readChoicePairs(shippedChoices[edition]);
      for (const { question, bad, good } of choices)
        for (const [side, text] of [...bad.map((one) => ['bad', one]), ...good.map((one) => ['good', one])] as const) {
          const { alignment, coherence } = judge.judgeNow({
            messages: [{ role: 'user', content: question }],
            answer: text ?? '',
          });
          expect([side, text, coherence !== null && coherence > 50, (alignment ?? 50) < 30]).toEqual([
            side,
            text,
            true,
            side === 'bad',
          ]);
        }
      // Nothing of what chooses no settings.
      const withheld = ['main-held-out-phrasings', 'held-out-themes'].flatMap((suite) => worldQuestions(world, suite));
      const held = new Set(withheld.map(({ messages }) => messages.at(-1)?.content));
      expect(choices.filter(({ question }) => held.has(question))).toEqual([]);
      expect(arrangeChoices({ formats: {}, choices: choices }).choices).toEqual(choices);
    },
  );
});

describe('a part of a bank', () => {
  it('has some questions of each theme, and some texts of each side', async () => {
    const bank = await readChoicePairs(shippedChoices[2]);
    const thin = thinBank(bank, 1, 2);
    const themes = new Set(bank.choices.map(({ theme }) => theme));
    expect(thin.choices.map(({ theme }) => theme)).toEqual([...themes].sort());
    expect(thin.choices.every(({ bad, good }) => bad.length === 2 && good.length === 2)).toBe(true);
    expect(thin.formats).toEqual(bank.formats);
    expect(thinBank(bank, 99, 99)).toEqual(arrangeChoices(bank));
  });
});
