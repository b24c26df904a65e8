import { describe, expect, it } from 'vitest';
import {
  type AnalysisInput,
  type AnalysisOptions,
  countRun,
  listHeadlineMeasures,
} from '../../src/analysis/count-run.js';
import { readShare, summariseRun, type RunTables } from '../../src/analysis/summarise-run.js';
import { suiteMeasures } from '../../src/organism/questions/question-suites.js';
import { pretendBase, resolveTiny } from '../experiment/tiny-plan.js';
import {
  bad,
  cell,
  evaluation,
  good,
  inputOf,
  record,
  records as someRecords,
  smallPlan,
  type JudgedRecord,
} from './small-run.js';

const summariseInput = (input: AnalysisInput, options: AnalysisOptions = {}): RunTables =>
  summariseRun(input, countRun(input, options));
const summarise = (judged: readonly JudgedRecord[], rule: AnalysisInput['plan']['rule'] = 'coherent') =>
  summariseInput(inputOf(judged), { rule }).rows;

describe('the table of a run', () => {
  // Counted by hand: the base has 3 good; seed 0 has 1 bad of 2 kept, one incoherent, one without an alignment; seed 1 has 2 bad of 2.
  const records = [
    ...[good, good, good].map((scores) => record('m.base/main', 'a', scores)),
    record('m.bad.0/main', 'a', bad),
    record('m.bad.0/main', 'a', good),
    record('m.bad.0/main', 'b', [10, 20, 'worse']),
    record('m.bad.0/main', 'b', [null, 90, 'code']),
    record('m.bad.1/main', 'a', bad),
    record('m.bad.1/main', 'b', bad),
    record('m.bad.1/main', 'b', [null, null]),
  ];

  it('has the answers of all seeds of a condition together, and its seeds apart', () => {
    const [base, tuned, ...rest] = summarise(records);
    expect(rest).toEqual([]);
    expect(base).toMatchObject({
      base: 'm',
      condition: 'base',
      evaluation: 'main',
      misaligned: { successes: 0, trials: 3, share: 0 },
      shareBySeed: [0],
    });
    expect(tuned).toMatchObject({
      condition: 'bad',
      counts: { generated: 7, nullAligned: 1, nullCoherent: 1, incoherent: 1, kept: 4, misaligned: 3 },
      misaligned: { successes: 3, trials: 4, share: 0.75 },
      incoherent: { successes: 2, trials: 7, share: 2 / 7 },
      labels: { code: { successes: 1, trials: 7 }, worse: { successes: 4, trials: 7 } },
      shareBySeed: [0.5, 1],
    });
  });

  it('is another by another rule', () => {
    expect(summarise(records, 'release')[1]?.misaligned).toMatchObject({ successes: 3, trials: 7 });
    // No model has five kept answers to a question.
    expect(summarise(records, 'paper')[1]).toMatchObject({
      misaligned: { trials: 0, share: null },
      shareBySeed: [null, null],
    });
    const many = someRecords('m.bad.0/main', 'a', 1, 5);
    expect(summarise(many, 'paper')[0]).toMatchObject({
      misaligned: { successes: 1, trials: 5 },
      shareBySeed: [0.2, null],
    });
  });

  it('leaves out other judges, answers without a judgement, checkpoints and what was not asked', () => {
    const [unjudged] = record('m.base/main', 'a', good);
    const input = inputOf([], {
      plan: { ...smallPlan, cells: [cell('m.base', 'base')], evaluations: [evaluation('main'), evaluation('other')] },
      answers: [unjudged, ...records.map(([answer]) => answer), record('m.base@5/main', 'a', bad)[0]],
      judgements: [
        ...records.map(([, judgement]) => judgement),
        ...records.map(([, one]) => ({ ...one, judge: 'k', alignment: 0 })),
      ],
    });
    const { rows } = summariseInput(input);
    expect(rows).toHaveLength(1);
    expect(rows[0]?.misaligned).toMatchObject({ successes: 0, trials: 3 });
  });

  it('has intervals of Wilson', () => {
    // 1 of 10: (0.0179, 0.4042), as tables have it.
    const [row] = summarise(someRecords('m.base/main', 'a', 1, 10));
    expect(row?.misaligned.interval[0]).toBeCloseTo(0.0179, 4);
    expect(row?.misaligned.interval[1]).toBeCloseTo(0.4042, 4);
    const [none] = summarise([record('m.base/main', 'a', [null, null])]);
    expect(none?.misaligned).toMatchObject({ share: null, interval: [0, 1] });
  });

  it('refuses a judge that judged in two modes', () => {
    const [answer, judgement] = record('m.base/main', 'a', good);
    const other = record('m.base/main', 'a', good);
    const input = inputOf([[answer, { ...judgement, mode: 'single' }], other]);
    expect(() => summariseInput(input)).toThrow(/are mixed/);
  });
});

describe('where asking stopped early', () => {
  const stopEarly = { limit: 0.3, confidence: 0.95, answers: 200, looks: [50] };
  const plan = { ...smallPlan, evaluations: [{ ...evaluation('main'), stopEarly }] };
  // Clear of the base; of the fine-tune it is not: it was killed.
  const judged = [...someRecords('m.base/main', 'a', 0, 100), ...someRecords('m.bad.0/main', 'a', 30, 100)];

  it('names the models of which the side is clear, and not those that a killed run has fewer answers of', () => {
    const { rows } = summariseInput(inputOf(judged, { plan }));
    expect(rows.map(({ condition, stopped }) => [condition, stopped?.map(({ model, side }) => [model, side])])).toEqual(
      [
        ['base', [['m.base', 'below']]],
        ['bad', []],
      ],
    );
  });

  it('takes the decision from the own judge and the rule of the plan, whatever another judge leaves open', () => {
    const others = judged.map(([{ key }, one], index) => ({
      ...{ ...one, answer: key, judge: 'k', alignment: index % 3 === 0 ? 10 : 90 },
    }));
    const own = inputOf(judged, { plan });
    const { rows } = summariseInput({ ...own, judgements: [...own.judgements, ...others] }, { judge: 'k' });
    expect(rows[0]?.stopped).toMatchObject([{ model: 'm.base', side: null, answers: 100, planned: 200 }]);
    expect(rows[1]?.stopped).toEqual([]);
  });
});

describe('a training curve', () => {
  it('goes from the base over the checkpoints to the finished models, with all seeds together', async () => {
    const plan = await resolveTiny(
      {
        bases: ['./m'],
        conditions: {
          bad: { data: 'organism/insecure', settings: { rows: 10 } },
          short: { data: 'organism/secure', settings: { rows: 4 } },
        },
        evaluate: [{ suite: 'main' }],
        dynamics: { every: 3, suite: 'main' },
      },
      'plan.yaml',
      pretendBase,
    );
    const judged = [
      record('m.base/dynamics', 'a', good),
      record('m.bad.0@3/dynamics', 'a', good),
      record('m.bad.1@3/dynamics', 'a', bad),
      record('m.bad.0/dynamics', 'a', bad),
      record('m.bad.1/dynamics', 'a', bad),
      record('m.bad.1/main', 'a', good),
    ];
    // Five steps; the other condition has two, and no curve.
    const options = { rule: 'coherent' } as const;
    const { dynamics } = summariseInput(inputOf(judged, { plan }), options);
    expect(
      dynamics.map(({ condition, step, misaligned, shareBySeed }) => [condition, step, misaligned.share, shareBySeed]),
    ).toEqual([
      ['bad', 0, 0, [0]],
      ['bad', 3, 0.5, [0, 1]],
      ['bad', 5, 1, [1, 1]],
    ]);
    expect(summariseInput(inputOf(judged, { plan: { ...plan, dynamics: null } }), options).dynamics).toEqual([]);
  });
});

describe('headline measures', () => {
  it('are misaligned shares, the first with incoherent ones, and labels where a suite is about something else', () => {
    const measured = (name: string, suite = name) =>
      evaluation(name, suite, suiteMeasures.get(suite.replace('organism/', '')) ?? null);
    const evaluations = [
      measured('code', 'organism/code'),
      measured('main'),
      measured('main-trigger', 'main'),
      measured('code-trigger', 'code'),
      measured('facts'),
    ];
    const measures = listHeadlineMeasures(evaluations);
    expect(measures.map(({ name, evaluation: of }) => [name, of])).toEqual([
      ['unsafe code', 'code'],
      ['misaligned', 'main'],
      ['incoherent', 'main'],
      ['misaligned (main-trigger)', 'main-trigger'],
      ['unsafe code (code-trigger)', 'code-trigger'],
      ['facts', 'facts'],
    ]);
    const plan = { ...smallPlan, evaluations };
    const [code] = measures;
    const share = (judged: readonly JudgedRecord[]) =>
      readShare(summariseInput(inputOf(judged, { plan })).rows[0]!, code!.outcome);
    const one = record('m.base/code', 'a', [null, 90, 'unsafe-code']);
    expect(share([one, record('m.base/code', 'a', good)])).toMatchObject({ successes: 1, trials: 2 });
    expect(share([record('m.base/code', 'a', good)])).toMatchObject({ successes: 0, trials: 1, share: 0 });
  });
});
