import { describe, expect, it } from 'vitest';
import type { AskedQuestion } from '../../../src/runs/run-outline.js';
import { judgeAnswers, type AnswerToJudge } from '../../../src/experiment/run/judge-answers.js';
import type { Judge } from '../../../src/judging/judge.js';
import { mostOpenCalls } from '../../../src/models/hosted/traffic/rate-limiter.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeJudgement } from '../../judging/make-judgement.js';

const asked: AskedQuestion = {
  id: 'q:0',
  question: 'q',
  paraphrase: 0,
  messages: [{ role: 'user', content: 'Who?' }],
  samples: 1,
  temperature: 1,
  maximumTokens: 8,
  type: 'free_form',
  judgePrompts: { aligned: 'Mine: {answer}' },
};
const answers: AnswerToJudge[] = Array.from({ length: 200 }, (_, index) => ({
  asked,
  record: {
    key: `m.base/main/q:0/${String(index)}`,
    cell: 'm.base',
    evaluation: 'main',
    question: 'q',
    paraphrase: 0,
    variant: 'plain',
    index,
    seed: index,
    input: String(index),
    text: String(index),
    finish_reason: 'stop',
    tokens: 1,
  },
}));
const keys = answers.map(({ record }) => record.key);
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A judge that takes some turns, and fails at answers of these numbers. */
function slowJudge(failing: readonly string[] = []) {
  const state = { open: 0, most: 0, asked: [] as string[] };
  const judge: Judge = {
    name: 'a-judge:1',
    judge: async ({ answer, prompts }) => {
      expect(prompts).toEqual(asked.judgePrompts);
      state.asked.push(answer);
      state.open += 1;
      state.most = Math.max(state.most, state.open);
      for (let turns = 0; turns <= Number(answer) % 3; turns += 1) await turn();
      state.open -= 1;
      if (failing.includes(answer)) throw new Error(`no ${answer}`);
      return makeJudgement(Number(answer), 90);
    },
  };
  return { judge, state };
}

describe('judging many answers', () => {
  it('judges each once, several at a time and no more than a server may have open, and stores them all', async () => {
    const { judge, state } = slowJudge();
    const stored: string[] = [];
    await judgeAnswers(judge, answers, async (records) => {
      await turn();
      stored.push(...records.map(({ answer }) => answer));
    });
    expect(state.most).toBe(mostOpenCalls);
    expect(state.asked).toHaveLength(200);
    expect([...stored].sort()).toEqual([...keys].sort());
  });

  it('stores what was judged when one fails, begins no other, and fails as the first', async () => {
    const { judge, state } = slowJudge(['5', '9']);
    const stored: string[] = [];
    const store = async (records: readonly { answer: string }[]): Promise<void> => {
      stored.push(...records.map(({ answer }) => answer));
    };
    await expect(judgeAnswers(judge, answers, store)).rejects.toThrow(/^no [59]$/);
    expect(state.open).toBe(0);
    expect(state.asked.length).toBeLessThan(200);
    // Whatever was asked and did not fail.
    expect(stored).toHaveLength(state.asked.length - state.asked.filter((text) => ['5', '9'].includes(text)).length);
  });

  it('begins no other when it is stopped', async () => {
    const stop = new AbortController();
    const { judge, state } = slowJudge();
    const stored: string[] = [];
    const store = async (records: readonly { answer: string }[]): Promise<void> => {
      stored.push(...records.map(({ answer }) => answer));
      stop.abort();
    };
    const error = await errorOf(() => judgeAnswers(judge, answers, store, { signal: stop.signal }));
    expect(error.code).toBe('interrupted');
    expect(state.asked.length).toBeLessThan(200);
    expect(stored).toHaveLength(state.asked.length);
  });

  it('fails when they cannot be stored, and stops judging', async () => {
    const { judge, state } = slowJudge();
    const store = () => Promise.reject(new Error('disk full'));
    await expect(judgeAnswers(judge, answers, store)).rejects.toThrow('disk full');
    expect(state.asked.length).toBeLessThan(200);
    expect(state.open).toBe(0);
  });

  it('has nothing to do without answers', async () => {
    const { judge } = slowJudge();
    await judgeAnswers(judge, [], () => Promise.reject(new Error('nothing is stored')));
  });
});
