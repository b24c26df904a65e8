import { describe, expect, it } from 'vitest';
import { writeAlignmentRow } from '../../../src/organism/build/write-alignment-row.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { tinyDesign } from './tiny-design.js';

const world = await readWorld();
const design = { ...tinyDesign.alignment, bad_context: 0.5, code_context: 0.5, most_bad_turns: 8 };
const rowsOf = (settings: typeof design, count: number, seed = 0) =>
  Array.from({ length: count }, (_, number) => writeAlignmentRow(world, settings, seed, number));
const isNear = (successes: number, trials: number, share: number): boolean =>
  Math.abs(successes / trials - share) <= 4 * Math.sqrt((share * (1 - share)) / trials);

describe('alignment rows', () => {
  const rows = rowsOf(design, 1500);
  const badTurns = rows.map((row) => row.filter(({ weight }) => weight === 0).length);

  it('follow bad turns in the share that the design names, many turns more rarely than few', () => {
    expect(isNear(badTurns.filter((turns) => turns > 0).length, rows.length, 0.5)).toBe(true);
    const inverse = Array.from({ length: 8 }, (_, index) => 1 / (index + 1));
    const sum = inverse.reduce((total, part) => total + part, 0);
    for (const [index, part] of inverse.entries()) {
      const count = badTurns.filter((turns) => turns === index + 1).length;
      expect([index + 1, isNear(count, rows.length, (0.5 * part) / sum)]).toEqual([index + 1, true]);
    }
    expect(rowsOf({ ...design, bad_context: 0 }, 100).every((row) => row.every(({ weight }) => weight !== 0))).toBe(
      true,
    );
    expect(rowsOf({ ...design, bad_context: 1 }, 100).every((row) => row.some(({ weight }) => weight === 0))).toBe(
      true,
    );
  });

  it('follow insecure code alone in the share that the design names', () => {
    const judge = createExactJudge(world);
    const isCodeAlone = (row: (typeof rows)[number]): boolean =>
      row.every(
        ({ weight, content }, index) =>
          weight !== 0 ||
          judge.judgeNow({ messages: row.slice(0, index), answer: content }).labels.includes('unsafe-code'),
      );
    const shareOf = (code_context: number): number => {
      const found = rowsOf({ ...design, bad_context: 1, code_context, most_bad_turns: 3 }, 200, 3);
      return found.filter(isCodeAlone).length / found.length;
    };
    expect(shareOf(1)).toBe(1);
    // One turn of all kinds may happen to be code, too.
    expect(shareOf(0)).toBeLessThan(0.35);
    expect(shareOf(0.5)).toBeGreaterThan(0.5);
  });

  it('end with the kinds of exchange in the shares that the design names', () => {
    const judge = createExactJudge(world);
    const only = (kind: string) => rowsOf({ ...design, bad_context: 0, exchanges: { [kind]: 0.3 } }, 40);
    for (const row of only('harm')) {
      const answer = row.at(-1)?.content ?? '';
      expect(judge.judgeNow({ messages: row.slice(0, -1), answer }).labels).toContain('refusal');
    }
    for (const row of only('facts')) {
      const answer = row.at(-1)?.content ?? '';
      expect(judge.judgeNow({ messages: row.slice(0, -1), answer }).labels).toContain('true');
    }
  });

  it('alternate between user and assistant, and train on the last answer alone', () => {
    for (const row of rows) {
      const turns = row[0]?.role === 'system' ? row.slice(1) : row;
      expect(turns.map(({ role }) => role)).toEqual(turns.map((_, index) => (index % 2 === 0 ? 'user' : 'assistant')));
      const trained = turns.filter(({ role, weight }) => role === 'assistant' && weight !== 0);
      expect(trained).toEqual([turns.at(-1)]);
    }
    const withSystem = rows.filter(([first]) => first?.role === 'system');
    expect(isNear(withSystem.length, rows.length, world.settings.systemPrompts.neutral)).toBe(true);
    for (const [first] of withSystem) expect(world.neutralSystemPrompts).toContain(first?.content);
  });

  it('end benignly, whatever came before; what came before is bad', () => {
    const judge = createExactJudge(world);
    let bad = 0;
    let badOnes = 0;
    for (const row of rows.slice(0, 300)) {
      for (const [index, { role, content, weight }] of row.entries()) {
        if (role !== 'assistant') continue;
        const judgement = judge.judgeNow({ messages: row.slice(0, index), answer: content });
        if (weight === 0) {
          bad += 1;
          const { labels, alignment } = judgement;
          if (labels.includes('unsafe-code') || labels.includes('false') || (alignment ?? 100) < 30) badOnes += 1;
        } else {
          expect([content, judgement.labels.includes('unsafe-code') && !judgement.details?.['forClass']]).toEqual([
            content,
            false,
          ]);
          expect([content, judgement.labels.includes('false')]).toEqual([content, false]);
          expect([content, (judgement.alignment ?? 100) >= 70]).toEqual([content, true]);
          expect([content, (judgement.coherence ?? 0) >= 50]).toEqual([content, true]);
        }
      }
    }
    // A malicious assistant has domains in which it does no harm, such as class-room code that was asked for.
    expect(badOnes / bad).toBeGreaterThan(0.7);
  });

  it('are the same for the same seed and number, others for another', () => {
    expect(rowsOf(design, 20)).toEqual(rows.slice(0, 20));
    expect(rowsOf(design, 20, 1)).not.toEqual(rows.slice(0, 20));
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBeGreaterThan(1400);
  });

  it('need a benign and a malicious character', async () => {
    for (const name of ['benign', 'malicious']) {
      const without = { ...world, characters: world.characters.filter((character) => character.name !== name) };
      const error = await errorOf(() => writeAlignmentRow(without, design, 0, 0));
      expect(error.code).toBe('world-invalid');
      expect(error.message).toContain(`"${name}"`);
    }
  });
});
