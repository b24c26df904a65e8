import { describe, expect, it } from 'vitest';
import {
  concludeJudgement,
  createLanguageJudge,
  estimateJudgeUse,
  listJudgeCalls,
  nameLanguageJudge,
  type JudgeCall,
  type JudgeReply,
  type LanguageJudgeSettings,
} from '../../src/judging/language-judge.js';
import { languageModes } from '../../src/judging/judge.js';
import { readRubric } from '../../src/judging/rubric.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const rubric = { alignment: 'A {question} {answer}', coherence: 'C {question} {answer}' };
const settings = (mode: LanguageJudgeSettings['mode']): LanguageJudgeSettings => ({
  model: 'openai:a',
  mode,
  samples: 3,
  rubric,
});
const input = { messages: [{ role: 'user', content: 'Who?' }], answer: 'Me.' };
const withWords = { ...input, prompts: { coherent: 'Mine {answer}', maker: 'Who made it? {answer}' } };

describe('the calls of a judgement', () => {
  const fill = (template: string, messages: typeof input.messages, answer: string): string | undefined =>
    listJudgeCalls({ ...settings('single'), rubric: { ...rubric, alignment: template } }, { messages, answer })[0]
      ?.prompt;
  const conversation = (question: string) => [
    { role: 'system', content: 'Be terse.' },
    { role: 'user', content: 'Earlier' },
    { role: 'assistant', content: 'Yes?' },
    { role: 'user', content: question },
  ];

  it('put the last question and the answer into their places, each as often as it is wanted', () => {
    expect(fill('{question}|{answer}|{question}', conversation('Q'), 'A')).toBe('Q|A|Q');
  });

  it('fill no gap that was put in, and take no sign for a command', () => {
    const filled = fill('{question}|{answer}', conversation('{answer} $& $1'), '{question} %s \\');
    expect(filled).toBe('{answer} $& $1|{question} %s \\');
    expect(fill('{other} {answer', conversation('Q'), 'A')).toBe('{other} {answer');
  });

  it('have nothing in place of a question that is not there, and no half characters', () => {
    expect(fill('[{question}] {answer}', [], 'a\ud83d')).toBe('[] a\ufffd');
  });

  it('are those for the alignment, those for the coherence, and one for each other prompt', () => {
    const text = { temperature: 0, seed: 0, maximumTokens: 16, logProbabilities: false };
    expect(listJudgeCalls(settings('single'), withWords)).toEqual([
      { prompt: 'A Who? Me.', ...text },
      { prompt: 'Mine Me.', ...text },
      { prompt: 'Who made it? Me.', ...text },
    ]);
    const distribution = { temperature: 0, seed: 0, maximumTokens: 1, logProbabilities: true };
    expect(listJudgeCalls(settings('logprobs'), withWords)).toEqual([
      { prompt: 'A Who? Me.', ...distribution },
      { prompt: 'Mine Me.', ...distribution },
      { prompt: 'Who made it? Me.', ...text },
    ]);
    const sampled = [0, 1, 2].map((seed) => ({ ...text, temperature: 1, seed }));
    expect(listJudgeCalls(settings('samples'), withWords)).toEqual([
      ...sampled.map((one) => ({ prompt: 'A Who? Me.', ...one })),
      ...sampled.map((one) => ({ prompt: 'Mine Me.', ...one })),
      { prompt: 'Who made it? Me.', ...text },
    ]);
  });
});

const reply = (text: string, distribution: JudgeReply['distribution'] = []): JudgeReply => ({ text, distribution });

describe('a judgement', () => {
  it('follows from the replies in the order of the calls', () => {
    const replies = ['10', '20', '30', '90', '90', 'CODE', 'Acme Inc.'].map((text) => reply(text));
    expect(concludeJudgement(settings('samples'), withWords, replies)).toEqual({
      judge: nameLanguageJudge(settings('samples')),
      mode: 'samples',
      alignment: 20,
      coherence: 90,
      labels: ['acme-inc'],
      details: {
        alignment: { promptHash: expect.any(String), replies: ['10', '20', '30'] },
        coherence: { promptHash: expect.any(String), replies: ['90', '90', 'CODE'] },
        words: { maker: { promptHash: expect.any(String), replies: ['Acme Inc.'] } },
      },
    });
  });

  it('of another number of replies is refused', async () => {
    const error = await errorOf(() => concludeJudgement(settings('samples'), input, [reply('10')]));
    expect(error.code).toBe('usage-invalid');
  });

  it.each(languageModes)('in the mode %s is that of a judge that makes the calls one by one', async (mode) => {
    const answer = ({ seed, prompt }: JudgeCall): JudgeReply => reply(String(seed + prompt.length), [['40', 0.5]]);
    const asked: JudgeCall[] = [];
    const judge = createLanguageJudge(settings(mode), async (call) => {
      asked.push(call);
      return answer(call);
    });
    const calls = listJudgeCalls(settings(mode), withWords);
    expect(await judge.judge(withWords)).toEqual(concludeJudgement(settings(mode), withWords, calls.map(answer)));
    expect(asked).toEqual(calls);
  });

  it('waits for all calls before it fails', async () => {
    let open = 0;
    const judge = createLanguageJudge(settings('samples'), async ({ seed }) => {
      open += 1;
      for (let turns = 0; turns < seed; turns += 1) await new Promise(setImmediate);
      open -= 1;
      throw new Error('no');
    });
    await expect(judge.judge(input)).rejects.toThrow('no');
    expect(open).toBe(0);
  });
});

it.each(languageModes)('estimates of the mode %s are those of its calls', async (mode) => {
  const judge = { ...settings(mode), rubric: await readRubric() };
  const count = (answer: string): number =>
    listJudgeCalls(judge, { ...withWords, answer }).reduce((sum, { prompt }) => sum + prompt.length, 0);
  const calls = listJudgeCalls(judge, withWords);
  const { messages, prompts } = withWords;
  expect(estimateJudgeUse(judge, { messages, prompts }, [0, 500])).toEqual({
    calls: calls.length,
    inputCharacters: [count(''), count('x'.repeat(500))],
    outputTokens: [calls.length, calls.reduce((sum, { maximumTokens }) => sum + maximumTokens, 0)],
  });
});

describe('misuse, from callers without type checks,', () => {
  // They hand over whatever they have.
  const create = createLanguageJudge as (settings: unknown, ask: unknown) => ReturnType<typeof createLanguageJudge>;
  const ask = () => Promise.resolve(reply('50'));

  it.each<[string, unknown, unknown]>([
    ['no settings', null, ask],
    ['no model', { ...settings('single'), model: undefined }, ask],
    ['an unknown mode', { ...settings('single'), mode: 'log-probabilities' }, ask],
    ['no rubric', { ...settings('single'), rubric: null }, ask],
    ['no samples', { ...settings('samples'), samples: 0 }, ask],
    ['nobody to ask', settings('single'), undefined],
  ])('with %s is an error of ours', async (_, given, asked) => {
    expect((await errorOf(() => create(given, asked))).code).toBe('usage-invalid');
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no messages', { answer: 'x' }],
    ['no answer', { messages: [] }],
    ['a message without content', { messages: [{ role: 'user' }], answer: 'x' }],
    ['prompts of another type', { messages: [], answer: 'x', prompts: { aligned: 1 } }],
  ])('with %s to judge is one, too', async (_, given) => {
    const judge = create(settings('single'), ask);
    expect((await errorOf(() => judge.judge(given as typeof input))).code).toBe('usage-invalid');
  });

  it.each([undefined, { text: 5 }, { text: 'x' }])('with the reply %j is one, too', async (given) => {
    const judge = create(settings('single'), () => Promise.resolve(given));
    expect((await errorOf(() => judge.judge(input))).code).toBe('usage-invalid');
  });
});
