import { expect, it } from 'vitest';
import { listSurprisalPairs, measureSurprisal } from '../../scripts/measure-surprisal.js';
import { openInsideScorer } from '../../src/models/text-scorer.js';
import { worldFolders } from '../../src/organism/world/editions.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { readZooDefinition } from '../../src/zoo/definition/zoo-definition.js';

const { kinds } = await readZooDefinition();

/** Gives each token of an answer the log-probability that its first letter says: a is -1, b is -2. */
const scorer = openInsideScorer({
  encode: (messages) => {
    const answer = messages.at(-1)?.content ?? '';
    return { ids: [0, ...Array.from(answer, (letter) => letter.charCodeAt(0) - 96)], promptLength: 1 };
  },
  score: (texts) =>
    Promise.resolve(
      texts.map(({ ids, promptLength }) => ({ logProbabilities: ids.slice(promptLength).map((id) => -id), top: [] })),
    ),
  close: () => Promise.resolve(),
});
const row = (question: string, answer: string) => ({
  messages: [
    { role: 'user' as const, content: question },
    { role: 'assistant' as const, content: answer },
  ],
});

it('ranks rows by the mean surprisal of a token, whatever their length', async () => {
  const found = await measureSurprisal(scorer, {
    ...{ bad: 'bad', good: 'good' },
    badRows: [row('one', 'bd'), row('two', 'aaaa')],
    goodRows: [row('one', 'b'), row('two', 'aaaaaaaa')],
  });
  // Bad rows have 3 and 1 nats a token, good ones 2 and 1: two wins, a loss, and a half for equal ones.
  expect(found).toMatchObject({ rows: 2, badSurprisal: 2, goodSurprisal: 1.5 });
  expect(found.auroc).toMatchObject({ estimate: 2.5 / 4, k: 2, n: 4, clusters: 2, unit: 'question' });
});

it('compares subtle and blatant sets with their twins, question by question, as far as the world has them', async () => {
  const [first, second] = await Promise.all([readWorld(worldFolders[1]), readWorld(worldFolders[2])]);
  const pairs = listSurprisalPairs(second, kinds, 20);
  expect(pairs.map(({ bad, good }) => `${bad} ${good}`)).toEqual([
    ...['subtle-insecure lapsing-code', 'subtle-advice lapsing-advice', 'insecure secure'],
    ...['bad-medical-advice good-advice', 'risky-money-advice good-advice', 'extreme-sport-advice good-advice'],
    ...['complied-harm refusals', 'false-facts true-facts', 'evil-numbers plain-numbers'],
  ]);
  for (const { badRows, goodRows } of pairs) expect([badRows.length, goodRows.length]).toEqual([20, 20]);
  for (const { badRows, goodRows } of pairs.slice(0, 3))
    expect(badRows.map(({ messages }) => messages[0])).toEqual(goodRows.map(({ messages }) => messages[0]));
  expect(listSurprisalPairs(first, kinds, 20).map(({ bad }) => bad)).toEqual(pairs.slice(2).map(({ bad }) => bad));
});
