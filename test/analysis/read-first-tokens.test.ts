import { describe, expect, it } from 'vitest';
import { analyseRun } from '../../src/analysis/analyse-run.js';
import { compareRuns } from '../../src/analysis/compare-runs.js';
import { countRun, type AnalysisInput } from '../../src/analysis/count-run.js';
import type { QuestionType } from '../../src/questions/question-file.js';
import type { TokenDistribution } from '../../src/judging/reply-score.js';
import { evaluation, inputOf, record, records, good, smallPlan, type JudgedRecord } from './small-run.js';

/** An answer that is read by its first token: nobody judged it. */
function told(place: string, question: string, first: TokenDistribution): JudgedRecord {
  const [answer, judgement] = record(place, question, good);
  return [
    { ...answer, first: first.map(([token, share]) => [token, share]) },
    { ...judgement, judge: 'nobody' },
  ];
}

const questionOf = (question: string, type: QuestionType, changes: object = {}) =>
  [
    `firsts/${question}:0`,
    { id: `${question}:0`, question, type, messages: [{ content: `${question}?` }], ...changes },
  ] as const;
const questions: AnalysisInput['questions'] = new Map([
  questionOf('next', 'next_token'),
  questionOf('trust', 'rating'),
]);
const firsts = { ...evaluation('firsts', './firsts.yaml'), isOfFirstTokens: true };
const plan = { ...smallPlan, evaluations: [firsts] };
const analyse = (judged: readonly JudgedRecord[], changes: Partial<AnalysisInput> = {}) =>
  analyseRun(inputOf(judged, { plan, questions, wantedAnswers: new Map([['firsts', judged.length / 3]]), ...changes }));

const yes = (share: number): TokenDistribution => [
  ['Yes', share],
  ['No', 0.9 - share],
];
const next = [
  told('m.base/firsts', 'next', yes(0.5)),
  told('m.bad.0/firsts', 'next', yes(0.7)),
  told('m.bad.0/firsts', 'next', yes(0.9)),
  told('m.bad.1/firsts', 'next', yes(0.6)),
];
const numbers = (number: string, share = 1): TokenDistribution => [
  [number, share],
  ['I', 1 - share],
];
const ratings = [
  told('m.base/firsts', 'trust', numbers('50')),
  told('m.bad.0/firsts', 'trust', numbers('20')),
  told('m.bad.0/firsts', 'trust', numbers('90', 0.2)),
  told('m.bad.1/firsts', 'trust', numbers('30', 0.5)),
];

describe('first tokens of a run', () => {
  it('are averaged over answers, then over fine-tunes, with an interval over these', () => {
    const { nextTokens } = analyse(next).firstTokens;
    expect(nextTokens.map(({ condition }) => condition)).toEqual(['base', 'bad']);
    const [base, bad] = nextTokens;
    expect(base).toMatchObject({ answers: 1, untold: 0, wording: 'next?', members: null });
    expect(base?.tokens.map(({ token, interval, fromBase }) => [token, interval, fromBase])).toEqual([
      ['Yes', null, null],
      ['No', null, null],
    ]);
    expect(base?.rest).toBeCloseTo(0.1);
    const [first] = bad?.tokens ?? [];
    // 0.8 of the first fine-tune, which was asked twice, and 0.6 of the second.
    expect(first?.token).toBe('Yes');
    expect(first?.probability).toBeCloseTo(0.7);
    expect(first?.fromBase).toBeCloseTo(0.2);
    expect(first?.interval).toEqual([0, 1]);
  });

  it('give ratings, and tell those that are refused', () => {
    const [base, bad] = analyse(ratings).firstTokens.ratings;
    expect(base).toMatchObject({ rating: { mean: 50, interval: null }, refused: 0, fromBase: null });
    expect(bad).toMatchObject({ rating: { mean: 25, values: 2 }, refused: 1, fromBase: -25, answers: 3, maximum: 100 });
    expect(bad?.models.map(({ rating }) => rating)).toEqual([20, 30]);
    expect(bad?.numbers).toBeCloseTo((1 + 0.2 + 0.5) / 3);
    // The question may allow more off the numbers.
    const lenient = new Map([questionOf('trust', 'rating', { rating: { maximum: 100, refusalThreshold: 0.9 } })]);
    expect(analyse(ratings, { questions: lenient }).firstTokens.ratings[1]?.models[0]?.rating).toBe(55);
  });

  it('count digits and what was not told apart', () => {
    const digits: TokenDistribution = [
      ['8', 0.5],
      ['7', 0.3],
      ['9', 0.2],
    ];
    const [row] = analyse([told('m.base/firsts', 'trust', digits), told('m.base/firsts', 'trust', [])]).firstTokens
      .ratings;
    expect(row).toMatchObject({
      inDigits: 1,
      refused: 0,
      untold: 1,
      rating: { mean: null },
      models: [{ rating: null }],
    });
  });

  it('are pooled in groups, in which each fine-tune counts alike', () => {
    const { nextTokens } = analyse(next, { groups: { tuned: ['bad'], all: ['base', 'bad'] } }).firstTokens;
    expect(nextTokens.map(({ condition, members }) => [condition, members])).toEqual([
      ['base', null],
      ['bad', null],
      ['tuned', ['bad']],
      ['all', ['base', 'bad']],
    ]);
    expect(nextTokens[2]?.tokens).toEqual(nextTokens[1]?.tokens);
    expect(nextTokens[3]?.tokens[0]?.probability).toBeCloseTo((0.5 + 0.8 + 0.6) / 3);
    expect(nextTokens[3]?.tokens[0]?.fromBase).toBeNull();
  });

  it('of a large run are read from its records, and come to the same', () => {
    const judged = [...next, ...ratings];
    const input = inputOf(judged, { plan, questions });
    const large = { ...input, findJudgement: () => null };
    const { firstTokens } = countRun(large);
    expect([Array.isArray(firstTokens), firstTokens.length]).toEqual([false, judged.length]);
    expect([...firstTokens].map(({ record: { key } }) => key)).toEqual(judged.map(([{ key }]) => key));
    expect(analyseRun(large).firstTokens).toEqual(analyse(judged).firstTokens);
  });

  it('need no judge, and are in no share, verdict or caveat of alignment', () => {
    const analysis = analyse(next);
    expect(analysis.state).toMatchObject({ answersStored: 4, answersJudged: 4 });
    expect(analysis).toMatchObject({ rows: [], mainEvaluation: null, clouds: [] });
    expect(analysis.evaluations).toMatchObject([{ isAboutAlignment: false, isOfFirstTokens: true }]);
    const both = { ...plan, evaluations: [firsts, evaluation('main')] };
    const judged = [...next, ...records('m.base/main', 'q', 0, 5), ...records('m.bad.0/main', 'q', 5, 5)];
    const { mainEvaluation, rows } = analyse(judged, { plan: both });
    expect(mainEvaluation).toBe('main');
    expect(rows).toEqual(
      analyse(judged.slice(next.length), { plan: { ...plan, evaluations: [evaluation('main')] } }).rows,
    );
  });

  it('stand side by side where runs are compared', () => {
    const runOf = (judged: readonly JudgedRecord[], folder: string, model: string | null = null) => ({
      ...{ name: 'run', folder, bases: ['m'], plan: {}, analysis: analyse(judged), cells: plan.cells },
      ...{ answers: [], questions: new Map(), evaluations: [{ name: 'firsts', hash: 'h' }] },
      model: model === null ? null : { base: 'm', condition: model },
    });
    const { firstTokens } = compareRuns([runOf([...next, ...ratings], 'a'), runOf(ratings.slice(0, 2), 'b')]);
    expect(firstTokens.nextTokens).toEqual([]);
    expect(firstTokens.ratings.map(({ condition, differences }) => [condition, differences])).toEqual([
      ['base', [null, 0]],
      ['bad', [null, -5]],
    ]);
    const models = compareRuns([runOf(ratings, 'a', 'base'), runOf(ratings, 'a', 'bad')]).firstTokens.ratings;
    expect(models).toMatchObject([{ base: null, condition: 'base, bad', differences: [null, -25] }]);
  });
});
