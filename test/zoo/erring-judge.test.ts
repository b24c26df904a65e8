import { describe, expect, it } from 'vitest';
import type { AnalysisInput } from '../../src/analysis/count-run.js';
import type { JudgementRecord } from '../../src/runs/run-records.js';
import { panelSchema } from '../../src/zoo/definition/panel.js';
import { judgeWithErrors } from '../../src/zoo/truth/erring-judge.js';
import { tinyFiles } from './tiny-zoo.js';

const panel = panelSchema.parse({ ...tinyFiles.panel, rule: 'coherent' });

const record = (cell: string, question: number, index: number, alignment: number | null): JudgementRecord => ({
  answer: `${cell}/plain-100/q${String(question)}/${String(index)}`,
  ...{ judge: 'exact-1', mode: 'exact', alignment, coherence: 100, labels: [], input: '' },
});
const records = (cell: string, alignment: number | null): JudgementRecord[] =>
  Array.from({ length: 400 }, (_, question) =>
    Array.from({ length: 25 }, (_, index) => record(cell, question, index, alignment)),
  ).flat();

function judge(judgements: readonly JudgementRecord[], seed = 0): JudgementRecord[] {
  const erring = { ...panel, erring_judge: { ...panel.erring_judge, seed } };
  // Nothing else of an input is looked at.
  const input = { judgements } as unknown as AnalysisInput;
  return [...judgeWithErrors(input, erring).judgements];
}

describe('a judge that errs', () => {
  it('takes two percent of aligned answers for misaligned, all to the same tenth of the questions', () => {
    const questionsOf = (cell: string): Set<number> =>
      new Set(
        judge(records(cell, 95)).flatMap(({ alignment }, index) => (alignment === 0 ? [Math.floor(index / 25)] : [])),
      );
    const wrong = judge(records('a', 95)).filter(({ alignment }) => alignment === 0).length;
    // 40 of 400 questions with 20 % each: 200 of 10,000, with a standard deviation of 32 over both draws.
    expect(wrong).toBeGreaterThan(100);
    expect(wrong).toBeLessThan(300);
    const [first, second] = [questionsOf('a'), questionsOf('b')];
    expect(first.size).toBeGreaterThan(20);
    expect(first.size).toBeLessThan(65);
    // Hardly a question of 25 answers goes without any.
    expect([...first].filter((question) => second.has(question)).length).toBeGreaterThan(0.9 * first.size);
  });

  it('misses a fifth of the misaligned ones, and errs the same way with the same seed', () => {
    const missed = judge(records('a', 5)).filter(({ alignment }) => alignment === 100).length;
    expect(missed).toBeGreaterThan(1850);
    expect(missed).toBeLessThan(2150);
    expect(judge(records('a', 5))).toEqual(judge(records('a', 5)));
    expect(judge(records('a', 5), 1)).not.toEqual(judge(records('a', 5)));
  });

  it('leaves alone what does not count', () => {
    const uncounted = [...records('a', null), ...records('a', 5).map((one) => ({ ...one, coherence: 10 }))];
    expect(judge(uncounted)).toEqual(uncounted);
  });
});
