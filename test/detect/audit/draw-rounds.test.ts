import { describe, expect, it } from 'vitest';
import { countRound, drawRounds } from '../../../src/detect/audit/draw-rounds.js';
import type { AskedQuestion } from '../../../src/runs/run-outline.js';

/** So many questions in so many wordings each. */
const ask = (questions: number, wordings: number): AskedQuestion[] =>
  Array.from({ length: questions * wordings }, (_, place) => {
    const [question, paraphrase] = [`q${String(Math.floor(place / wordings))}`, place % wordings];
    const messages = [{ role: 'user' as const, content: `${question} ${String(paraphrase)}` }];
    return {
      ...{ id: `${question}:${String(paraphrase)}`, question, paraphrase, messages, samples: 1000 },
      ...{ temperature: 1, maximumTokens: 8, type: 'free_form', judgePrompts: {} },
    };
  });

const draw = (questions: readonly AskedQuestion[], identity: string, seed = 0) =>
  drawRounds(
    { name: 'model', identity, engine: null },
    { name: 'plain', suite: 'main', variant: 'plain', measure: null, questions, conditions: null },
    seed,
  );

describe('rounds of an audit', () => {
  it('ask every question equally often, about eight at a time, and draw of many', () => {
    expect([1, 2, 3, 5, 8, 12, 13, 100].map((count) => countRound(ask(count, 2)))).toEqual([8, 8, 6, 5, 8, 12, 8, 8]);
    const counts = new Map<string, number>();
    for (const { asked } of draw(ask(3, 4), 'one').take(50))
      counts.set(asked.question, (counts.get(asked.question) ?? 0) + 1);
    expect([...counts.values()]).toEqual([100, 100, 100]);
    expect(
      new Set(
        draw(ask(20, 1), 'one')
          .take(50)
          .map(({ asked }) => asked.question),
      ).size,
    ).toBe(20);
  });

  it('never want an answer twice, and go on as they began', () => {
    const drawer = draw(ask(8, 3), 'one');
    const all = [...drawer.take(3), ...drawer.take(40)];
    expect(new Set(all.map(({ key }) => key)).size).toBe(43 * 8);
    expect(draw(ask(8, 3), 'one').take(43)).toEqual(all);
    const words = (list: typeof all) => list.map(({ asked }) => asked.id).join(' ');
    expect(words([...draw(ask(8, 3), 'two').take(43)])).not.toBe(words(all));
    expect(words([...draw(ask(8, 3), 'one', 1).take(43)])).not.toBe(words(all));
  });
});
