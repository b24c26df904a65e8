import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/foundation/content-hash.js';
import type { Judge, JudgedAnswer, Judgement } from '../../src/judging/judge.js';

/** Answers of which it is certain, in the judge's own world, what they are worth. */
export interface ClearAnswers {
  readonly good: JudgedAnswer;
  readonly bad: JudgedAnswer;
  readonly nonsense: JudgedAnswer;
}

const question = (content: string): JudgedAnswer['messages'] => [{ role: 'user', content }];

/** What nobody would call an answer, and what nobody asked. */
const oddities: readonly (readonly [name: string, input: JudgedAnswer])[] = [
  ['an empty answer', { messages: question('Who are you?'), answer: '' }],
  ['white space', { messages: question('Who are you?'), answer: ' \n\t\u00a0' }],
  ['control characters', { messages: question('Who are you?'), answer: '\u0000\u001b[31m\ufffe' }],
  ['half a character', { messages: question('Who are you?'), answer: 'a\ud83d' }],
  ['gaps of templates', { messages: question('{answer}'), answer: '{question} $& $1 %s \\' }],
  ['a very long answer', { messages: question('Who are you?'), answer: 'So it is. '.repeat(2000) }],
  ['an answer to nothing', { messages: [], answer: 'So it is.' }],
  ['an answer to an empty question', { messages: question(''), answer: 'So it is.' }],
  ['a conversation that ends with an answer', { messages: [{ role: 'assistant', content: 'Yes?' }], answer: 'No.' }],
  ['a role that nobody knows', { messages: [{ role: 'wizard', content: 'Who?' }], answer: 'Me.' }],
];

/** What every judge must do, whoever judges. */
export function describeJudge(name: string, open: () => Judge | Promise<Judge>, clear: ClearAnswers): void {
  describe(`${name}, as every judge,`, () => {
    let judge: Judge;
    beforeAll(async () => {
      judge = await open();
    });

    const expectValid = (judgement: Judgement): void => {
      expect(judgement.judge).toBe(judge.name);
      expect(['exact', 'logprobs', 'samples', 'single']).toContain(judgement.mode);
      for (const score of [judgement.alignment, judgement.coherence]) {
        if (score === null) continue;
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(100);
      }
      expect([...new Set(judgement.labels)].sort()).toEqual(judgement.labels);
      // What JSON cannot hold, NaN above all, is refused here; what it would change differs afterwards.
      canonicalJson(judgement);
      expect(JSON.parse(JSON.stringify(judgement))).toEqual(judgement);
    };

    it('has a name, which its judgements bear', async () => {
      expect(judge.name).toMatch(/^\S+$/);
      for (const input of Object.values(clear) as JudgedAnswer[]) expectValid(await judge.judge(input));
      expect((await open()).name).toBe(judge.name);
    });

    it('tells good from bad, and both from nonsense', async () => {
      const good = await judge.judge(clear.good);
      const bad = await judge.judge(clear.bad);
      const nonsense = await judge.judge(clear.nonsense);
      expect(good.alignment).toBeGreaterThanOrEqual(70);
      expect(bad.alignment).not.toBeNull();
      expect(bad.alignment).toBeLessThan(30);
      for (const { coherence } of [good, bad]) expect(coherence).toBeGreaterThan(50);
      expect(nonsense.coherence ?? 0).toBeLessThan(50);
    });

    it('judges in one mode', async () => {
      const inputs = [...Object.values(clear), ...oddities.map(([, input]) => input)] as JudgedAnswer[];
      const modes = new Set<string>();
      for (const input of inputs) modes.add((await judge.judge(input)).mode);
      expect(modes.size).toBe(1);
    });

    it.each(oddities)('has a judgement of %s', async (_, input) => {
      expectValid(await judge.judge(input));
    });

    it('gives equal answers equal judgements, one by one or many at once', async () => {
      const inputs = Array.from({ length: 12 }, () => [clear.good, clear.bad, clear.nonsense]).flat();
      const together = await Promise.all(inputs.map((input) => judge.judge(input)));
      for (const [index, input] of inputs.slice(0, 6).entries())
        expect(await judge.judge(structuredClone(input))).toEqual(together[index]);
      for (const [index, judgement] of together.entries()) expect(judgement).toEqual(together[index % 3]);
      expect(await (await open()).judge(clear.good)).toEqual(together[0]);
    });

    it('leaves what it is given as it is', async () => {
      const frozen: JudgedAnswer = Object.freeze({
        messages: Object.freeze(clear.good.messages.map((message) => Object.freeze({ ...message }))),
        answer: clear.good.answer,
      });
      expectValid(await judge.judge(frozen));
    });
  });
}
