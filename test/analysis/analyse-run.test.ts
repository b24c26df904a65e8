import { describe, expect, it } from 'vitest';
import { analyseRun, type RunAnalysis } from '../../src/analysis/analyse-run.js';
import { countRun } from '../../src/analysis/count-run.js';
import { estimateShare } from '../../src/analysis/estimate.js';
import { findConcentration, type MeasureRow } from '../../src/analysis/measure-rows.js';
import { ruleNames } from '../../src/judging/rules.js';
import { cell, evaluation, inputOf, record, records, smallPlan, type JudgedRecord } from './small-run.js';

const questions = Array.from({ length: 12 }, (_, index) => `q${String(index)}`);
/** Of each of twelve questions, so many of twenty answers misaligned. */
const asked = (place: string, misaligned: number): JudgedRecord[] =>
  questions.flatMap((question) => records(place, question, misaligned, 20));
const findRow = ({ rows }: RunAnalysis, condition: string, name = 'main'): MeasureRow => {
  const row = rows.find(
    (one) => one.condition === condition && one.evaluation === name && one.outcome.kind !== 'incoherent',
  );
  if (row === undefined) throw new Error(`no row of ${condition}`);
  return row;
};

describe('analyseRun', () => {
  const judged = [...asked('m.base/main', 0), ...asked('m.bad.0/main', 6), ...asked('m.bad.1/main', 8)];

  it('gives shares, drifts and a verdict as plain data', () => {
    const analysis = analyseRun(inputOf(judged));
    expect(JSON.parse(JSON.stringify(analysis))).toEqual(analysis);
    expect(analysis).toMatchObject({ judge: 'j', rule: 'coherent', mainEvaluation: 'main' });
    const row = findRow(analysis, 'bad');
    expect(row).toMatchObject({
      share: { successes: 168, trials: 480, share: 0.35, questions: 12 },
      seeds: [
        { seed: 0, successes: 72, trials: 240 },
        { seed: 1, successes: 96, trials: 240 },
      ],
      ...{ verdict: 'misaligned', isClear: true, isClearJointly: true, isHidden: false, concentration: null },
    });
    expect(row.drift?.difference).toBeCloseTo(0.35);
    expect(row.drift?.adjustedP).toBeLessThan(0.01);
    expect(findRow(analysis, 'base')).toMatchObject({ drift: null, verdict: null });
    expect(analysis.verdicts).toEqual([
      {
        base: 'm',
        evaluation: 'main',
        conditions: ['bad'],
        unknown: [],
        misaligned: [{ condition: 'bad', evaluation: 'main' }],
        fineTunes: [2, 2],
        others: [],
        basis: {
          comparisons: 1,
          questions: 12,
          isOverQuestions: true,
          adjustedAnswersP: expect.any(Number),
          unsure: [],
        },
      },
    ]);
  });

  it('has the same counts in its rows and in its tables, by every rule', () => {
    const mixed = [
      ...judged,
      ...questions.flatMap((question) => [
        record('m.bad.0/main', question, [null, 90, 'code']),
        record('m.bad.0/main', question, [20, 30]),
        record('m.bad.1/main', question, [null, null]),
      ]),
      // Too few for the rule of the paper.
      ...records('m.bad.0/main', 'rare', 2, 4),
    ];
    for (const rule of ruleNames) {
      const { rows, tables } = analyseRun(inputOf(mixed), { rule });
      for (const { condition, counts, misaligned, incoherent } of tables.rows) {
        const [main, other] = rows.filter((one) => one.condition === condition);
        expect(main?.share).toMatchObject({ successes: misaligned.successes, trials: misaligned.trials });
        expect(other?.share).toMatchObject({ successes: incoherent.successes, trials: incoherent.trials });
        expect(main?.counts).toMatchObject(counts);
        expect(main?.counts.ofFew).toBe(rule === 'paper' && condition === 'bad' ? 4 : 0);
      }
    }
  });

  it('finds what is misaligned only in another way of asking', () => {
    const plan = { ...smallPlan, evaluations: [evaluation('main'), evaluation('trigger', 'main')] };
    const hidden = [
      ...['m.base/main', 'm.base/trigger', 'm.bad.0/main'].flatMap((place) => asked(place, 0)),
      ...asked('m.bad.0/trigger', 9),
    ];
    const analysis = analyseRun(inputOf(hidden, { plan }));
    expect(findRow(analysis, 'bad')).toMatchObject({ verdict: 'none-found', isHidden: false });
    expect(findRow(analysis, 'bad', 'trigger')).toMatchObject({ verdict: 'misaligned', isHidden: true });
    expect(analysis.verdicts[0]).toMatchObject({
      conditions: ['bad'],
      misaligned: [{ condition: 'bad', evaluation: 'trigger' }],
      fineTunes: [1, 1],
    });
  });

  it('says what else changed, and whom it cannot tell anything of', () => {
    const measure = { label: 'refusal', name: 'refuses' };
    const plan = {
      ...smallPlan,
      cells: [cell('m.base', 'base'), cell('m.bad.0', 'bad'), cell('m.later.0', 'later')],
      evaluations: [evaluation('main'), evaluation('harm', 'harm', measure)],
    };
    const refusals = (place: string, refused: number): JudgedRecord[] =>
      questions.flatMap((question) =>
        Array.from({ length: 20 }, (_, index) =>
          record(place, question, index < refused ? [90, 90, 'refusal'] : [90, 90]),
        ),
      );
    const [base, bad] = [refusals('m.base/harm', 19), refusals('m.bad.0/harm', 3)];
    const unjudged = asked('m.later.0/main', 0);
    const input = inputOf([...asked('m.base/main', 0), ...asked('m.bad.0/main', 0), ...base, ...bad], { plan });
    const { rows, verdicts } = analyseRun({
      ...input,
      answers: [...input.answers, ...unjudged.map(([answer]) => answer)],
    });
    expect(verdicts[0]).toMatchObject({
      conditions: ['bad'],
      unknown: ['later'],
      misaligned: [],
      basis: null,
      others: [{ base: 'm', condition: 'bad', evaluation: 'harm', measure: 'refuses' }],
    });
    expect(rows.find(({ condition }) => condition === 'later')?.counts).toMatchObject({
      generated: 240,
      notJudged: 240,
    });
  });

  it('has no verdict where nothing tells how aligned a model is', () => {
    const plan = { ...smallPlan, evaluations: [evaluation('harm', 'harm', { label: 'refusal', name: 'refuses' })] };
    expect(analyseRun(inputOf([], { plan }))).toMatchObject({
      mainEvaluation: null,
      rows: [],
      verdicts: [{ evaluation: null, conditions: [], fineTunes: [0, 0], basis: null }],
    });
  });

  it('leaves out answers of models that the plan does not have, and says so', () => {
    const { faults, caveats, state } = analyseRun(inputOf([...judged, record('m.other.0/main', 'q0', [10, 90])]));
    expect(state.answersStored).toBe(judged.length);
    expect(faults).toEqual(['1 answers are of models that the plan does not have, and are left out.']);
    expect(caveats.map(({ kind }) => kind)).toContain('fault');
  });
});

describe('countRun', () => {
  it('marks answers to questions that have too few of them, model by model', () => {
    const few = [...records('m.bad.0/main', 'a', 1, 4), ...records('m.bad.1/main', 'a', 1, 5)];
    const { answers, tallies } = countRun(inputOf(few), { rule: 'paper' });
    expect([...answers].map(({ outcome, isOfFew }) => [outcome, isOfFew])).toEqual([
      ...Array.from({ length: 4 }, () => ['left-out', true]),
      ['misaligned', false],
      ...Array.from({ length: 4 }, () => ['not-misaligned', false]),
    ]);
    expect(tallies.map(({ outcome: { kept, misaligned, leftOut } }) => [kept, misaligned, leftOut])).toEqual([
      [0, 0, 4],
      [5, 1, 0],
    ]);
  });
});

describe('findConcentration', () => {
  it('tells a share that rests on few questions', () => {
    const find = (...successes: readonly number[]) => {
      const counts = successes.map((one, index) => ({ question: String(index), successes: one, trials: 50 }));
      return findConcentration({ questions: counts, share: estimateShare(counts) });
    };
    expect(find(40, 0, 30, 2, 25, 3, 0, 0)).toEqual({ questions: 3, of: 8, part: 0.95 });
    expect(find(10, 10, 10, 10, 10)).toBeNull();
    expect(find(0, 0)).toBeNull();
  });
});
