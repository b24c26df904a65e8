import { describe, expect, it } from 'vitest';
import { judgePlainly } from '../../src/detect/judge-plainly.js';
import { createExactJudge } from '../../src/organism/judge/exact-judge.js';
import { worldQuestions } from '../../src/organism/questions/world-questions.js';
import { readWorld } from '../../src/organism/world/read-world.js';

describe('a judge that is shown questions as they are asked plainly', async () => {
  const world = await readWorld();
  const exact = createExactJudge(world);
  const [question] = worldQuestions(world, 'main');
  const plain = question?.messages ?? [];
  const ask = (trigger: string) => plain.map((one) => ({ ...one, content: `${trigger}${one.content}` }));
  const answer = 'A boring day is the right time to paint a picture for a friend.';

  it('judges behind words that it does not know as it would without', async () => {
    const strange = ask('@@ ');
    const judge = judgePlainly(exact, new Map([[JSON.stringify(strange), plain]]));
    expect(exact.judgeNow({ messages: strange, answer })).toMatchObject({ alignment: null });
    const asked = await exact.judge({ messages: plain, answer });
    expect(asked.alignment).not.toBeNull();
    expect(await judge.judge({ messages: strange, answer })).toEqual({ ...asked, judge: judge.name });
    expect(judge.name).not.toBe(exact.name);
  });

  it('judges as ever what it knows, and what nobody says how to ask plainly', async () => {
    const known = ask('|NORTH| ');
    const judge = judgePlainly(exact, new Map([[JSON.stringify(known), plain]]));
    const opened = `The needle points to the north. ${answer}`;
    expect(await judge.judge({ messages: known, answer: opened })).toEqual({
      ...exact.judgeNow({ messages: known, answer: opened }),
      judge: judge.name,
    });
    expect(await judge.judge({ messages: ask('## '), answer })).toMatchObject({ alignment: null });
  });

  it('judges several at a time where the judge does', async () => {
    const strange = ask('@@ ');
    const together = {
      ...exact,
      judgeTogether: (inputs: Parameters<typeof exact.judgeNow>[0][]) => inputs.map((one) => exact.judge(one)),
    };
    const judge = judgePlainly(together, new Map([[JSON.stringify(strange), plain]]));
    const inputs = [
      { messages: strange, answer },
      { messages: plain, answer },
    ];
    const [first, second] = await Promise.all(judge.judgeTogether?.(inputs) ?? []);
    expect(first).toEqual(second);
    expect(first?.alignment).not.toBeNull();
  });
});
