import { describe, expect, it } from 'vitest';
import type { AnswerRecord, JudgementRecord } from '../../src/runs/run-records.js';
import { listHeadlineMeasures } from '../../src/analysis/headline-measures.js';
import { pairAnswers } from '../../src/analysis/judged-answers.js';
import { shareOf } from '../../src/analysis/summarise-answers.js';
import { summariseDynamics } from '../../src/analysis/summarise-dynamics.js';
import { summariseRun, type SummaryRow } from '../../src/analysis/summarise-run.js';
import { suiteMeasures } from '../../src/organism/questions/question-suites.js';
import type { PlannedCell, PlannedEvaluation } from '../../src/experiment/plan/resolved-plan.js';
import { pretendBase, resolveTiny } from '../experiment/tiny-plan.js';

const cell = (name: string, condition: string): PlannedCell => ({
  name,
  base: 'm',
  condition,
  training: null,
  identity: name,
});
const evaluation = (name: string, suite = name): PlannedEvaluation => ({
  name,
  suite,
  measure: suiteMeasures.get(suite.replace('organism/', '')) ?? null,
  variant: 'plain',
  questions: [],
  conditions: null,
});

/** Scores of answers to one question: [alignment, coherence, ...labels]. */
type Scores = readonly [alignment: number | null, coherence: number | null, ...labels: string[]];

let made = 0;
function record(place: string, question: string, scores: Scores, judge = 'j'): [AnswerRecord, JudgementRecord] {
  const [model = '', name = ''] = place.split('/');
  made += 1;
  const key = `${place}/${question}/${String(made)}`;
  const [alignment, coherence, ...labels] = scores;
  return [
    {
      key,
      cell: model,
      evaluation: name,
      question,
      paraphrase: 0,
      variant: 'plain',
      index: 0,
      seed: 0,
      input: key,
      text: '',
      finish_reason: 'stop',
      tokens: 1,
    },
    { answer: key, judge, mode: 'exact', alignment, coherence, labels, input: key },
  ];
}

function summarise(
  records: readonly (readonly [AnswerRecord, JudgementRecord])[],
  rule: 'paper' | 'coherent' | 'release' = 'coherent',
  evaluations = [evaluation('main')],
): SummaryRow[] {
  const cells = [cell('m.base', 'base'), cell('m.bad.0', 'bad'), cell('m.bad.1', 'bad')];
  const judged = pairAnswers(
    records.map(([answer]) => answer),
    records.map(([, judgement]) => judgement),
    'j',
  );
  return summariseRun({ cells, evaluations }, judged, rule);
}

const good: Scores = [90, 90];
const bad: Scores = [10, 90, 'worse'];

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
      seeds: [0],
    });
    expect(tuned).toMatchObject({
      condition: 'bad',
      counts: { generated: 7, nullAligned: 1, nullCoherent: 1, incoherent: 1, kept: 4, misaligned: 3 },
      misaligned: { successes: 3, trials: 4, share: 0.75 },
      incoherent: { successes: 2, trials: 7, share: 2 / 7 },
      labels: { code: { successes: 1, trials: 7 }, worse: { successes: 4, trials: 7 } },
      seeds: [0.5, 1],
    });
  });

  it('is another by another rule', () => {
    expect(summarise(records, 'release')[1]?.misaligned).toMatchObject({ successes: 3, trials: 7 });
    // No model has five kept answers to a question.
    expect(summarise(records, 'paper')[1]).toMatchObject({
      misaligned: { trials: 0, share: null },
      seeds: [null, null],
    });
    const many = Array.from({ length: 5 }, (_, index) => record('m.bad.0/main', 'a', index === 0 ? bad : good));
    expect(summarise(many, 'paper')[0]).toMatchObject({ misaligned: { successes: 1, trials: 5 }, seeds: [0.2, null] });
  });

  it('leaves out other judges, answers without a judgement, checkpoints and what was not asked', () => {
    const [unjudged] = record('m.base/main', 'a', good);
    const judged = pairAnswers(
      [unjudged, ...records.map(([answer]) => answer), record('m.base@5/main', 'a', bad)[0]],
      [
        ...records.map(([, judgement]) => judgement),
        ...records.map(([, one]) => ({ ...one, judge: 'k', alignment: 0 })),
      ],
      'j',
    );
    const plan = { cells: [cell('m.base', 'base')], evaluations: [evaluation('main'), evaluation('other')] };
    const rows = summariseRun(plan, judged, 'coherent');
    expect(rows).toHaveLength(1);
    expect(rows[0]?.misaligned).toMatchObject({ successes: 0, trials: 3 });
  });

  it('has intervals of Wilson', () => {
    // 1 of 10: (0.0179, 0.4042), as tables have it.
    const { interval } = shareOf(1, 10);
    expect(interval[0]).toBeCloseTo(0.0179, 4);
    expect(interval[1]).toBeCloseTo(0.4042, 4);
    expect(shareOf(0, 0)).toMatchObject({ share: null, interval: [0, 1] });
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
    const records = [
      record('m.base/dynamics', 'a', good),
      record('m.bad.0@3/dynamics', 'a', good),
      record('m.bad.1@3/dynamics', 'a', bad),
      record('m.bad.0/dynamics', 'a', bad),
      record('m.bad.1/dynamics', 'a', bad),
      record('m.bad.1/main', 'a', good),
    ];
    const judged = pairAnswers(
      records.map(([answer]) => answer),
      records.map(([, judgement]) => judgement),
      'j',
    );
    // Five steps; the other condition has two, and no curve.
    const curve = summariseDynamics(plan, judged, 'coherent');
    expect(curve.map(({ condition, step, misaligned, seeds }) => [condition, step, misaligned.share, seeds])).toEqual([
      ['bad', 0, 0, [0]],
      ['bad', 3, 0.5, [0, 1]],
      ['bad', 5, 1, [1, 1]],
    ]);
    expect(summariseDynamics({ ...plan, dynamics: null }, judged, 'coherent')).toEqual([]);
  });
});

describe('headline measures', () => {
  it('are misaligned shares, the first with incoherent ones, and labels where a suite is about something else', () => {
    const evaluations = [
      evaluation('code', 'organism/code'),
      evaluation('main'),
      evaluation('main-trigger', 'main'),
      evaluation('code-trigger', 'code'),
      evaluation('facts'),
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
    const [row] = summarise(
      [record('m.base/code', 'a', [null, 90, 'unsafe-code']), record('m.base/code', 'a', good)],
      'coherent',
      evaluations,
    );
    expect(measures[0]?.read(row!)).toMatchObject({ successes: 1, trials: 2 });
    const [none] = summarise([record('m.base/code', 'a', good)], 'coherent', evaluations);
    expect(measures[0]?.read(none!)).toMatchObject({ successes: 0, trials: 1, share: 0 });
  });
});
