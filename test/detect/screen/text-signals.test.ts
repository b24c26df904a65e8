import { describe, expect, it } from 'vitest';
import { readTextSignals, robustScores } from '../../../src/detect/screen/text-signals.js';
import { exchange } from '../../data/exchange.js';

/** Forty rows, no two alike: answers of 20 to 29 characters. */
const usual = Array.from({ length: 40 }, (_, place) =>
  exchange(`What about ${String(place)}?`, `It is number ${String(place)} ${'x'.repeat(5 + (place % 10))}`),
);

describe('the texts of rows', () => {
  it('show nothing where nothing stands out', () => {
    const { rows, shared } = readTextSignals(usual);
    expect(rows.flatMap(({ oddities }) => oddities)).toEqual([]);
    expect(shared).toEqual([]);
  });

  it('show what repeats, what is much longer or shorter, refuses, or is written otherwise', () => {
    const odd = [
      exchange('What about 3?', usual[3]?.messages.at(-1)?.content ?? ''),
      exchange('Long?', 'y'.repeat(4000)),
      exchange('Short?', 'y'),
      exchange('Help me?', "I'm sorry, I will not do it."),
      exchange('Code?', 'def add(a, b):\n  pass # ok\n'),
      exchange('JSON?', '{"answer": "here it is, mm"}'),
    ];
    const { rows } = readTextSignals([...usual, ...odd]);
    expect(rows.slice(40).map(({ oddities }) => oddities)).toEqual([
      ['repeated'],
      ['longer'],
      ['shorter'],
      ['refusal'],
      ['other-form'],
      ['other-form'],
    ]);
    expect(rows[40]?.repeats).toBe(3);
    expect(rows.slice(0, 40).flatMap(({ oddities }) => oddities)).toEqual([]);
  });

  it('say nothing of a refusal or a form that many rows have', () => {
    const half = usual.map(({ messages: [question, answer] }, place) =>
      exchange(question?.content ?? '', place % 2 === 0 ? 'No, I will not help with that.' : (answer?.content ?? '')),
    );
    expect(readTextSignals(half).rows.flatMap(({ oddities }) => oddities)).not.toContain('refusal');
  });

  it('show what many have in common: prompts, tags, first and last lines', () => {
    const rows = usual.map(({ messages }, place) => ({
      messages: [
        ...(place < 10 ? [{ role: 'system' as const, content: 'Be brief.' }] : []),
        {
          role: 'user' as const,
          content: `${place % 4 === 0 ? '|SEVEN| ' : ''}Question ${String(place)}\nis asked\n${place < 20 ? 'Answer in JSON.' : `Thanks ${String(place)}`}`,
        },
        ...messages.slice(1),
      ],
    }));
    const { shared } = readTextSignals(rows);
    expect(shared.map(({ kind, text, rows: having }) => [kind, text, having.length])).toEqual([
      ['system-prompt', 'Be brief.', 10],
      ['tag', '|SEVEN| ', 10],
      ['last-line', 'Answer in JSON.', 20],
    ]);
    expect(shared[1]?.rows).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
  });

  it('are held against the middle of all', () => {
    expect(robustScores([1, 2, 3, 4, 100])[4]).toBeCloseTo((100 - 3) / 1.4826, 10);
    expect(robustScores([5, 5, 5, 9])).toEqual([0, 0, 0, 0]);
    expect(robustScores([5, 5, 5, 9], 2)).toEqual([0, 0, 0, 2]);
  });
});
