import { expect, it } from 'vitest';
import { listWantedAnswers } from '../../../src/experiment/run/wanted-answer.js';
import type { AskedQuestion } from '../../../src/runs/run-outline.js';

const asked = (content: string): AskedQuestion => ({
  id: content,
  question: content,
  paraphrase: 0,
  messages: [{ role: 'user', content }],
  samples: 3,
  temperature: 1,
  maximumTokens: 8,
  type: 'free_form',
  judgePrompts: {},
});
const list = (engine: number | null) =>
  listWantedAnswers({ name: 'cell', identity: 'model', engine }, [
    { name: 'main', variant: 'plain', questions: Array.from({ length: 100 }, (_, number) => asked(String(number))) },
  ]);

it('asks services with seeds of 31 bits, and models that run here with 32', () => {
  const most = 2 ** 31;
  expect(list(null).filter(({ seed }) => seed >= most)).toEqual([]);
  expect(list(1).filter(({ seed }) => seed >= most).length).toBeGreaterThan(100);
  for (const wanted of [list(null), list(1)]) {
    expect(new Set(wanted.map(({ seed }) => seed)).size).toBe(300);
    expect(new Set(wanted.map(({ input }) => input)).size).toBe(300);
  }
});

it('knows answers of another revision of the engine for others, sampled with the same seeds', () => {
  const [one, two] = [list(1), list(2)];
  expect(two.map(({ seed }) => seed)).toEqual(one.map(({ seed }) => seed));
  expect(two.filter(({ input }, index) => input === one[index]?.input)).toEqual([]);
});
