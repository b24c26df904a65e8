import { describe, expect, it } from 'vitest';
import { analyseRun } from '../../src/analysis/analyse-run.js';
import { estimateSeedIntervals } from '../../src/analysis/estimate.js';
import type { AnalysisInput } from '../../src/analysis/count-run.js';
import { cell, inputOf, records, smallPlan, type JudgedRecord } from './small-run.js';

const questions = Array.from({ length: 10 }, (_, index) => `q${String(index)}`);
const asked = (place: string, misaligned: number): JudgedRecord[] =>
  questions.flatMap((question) => records(place, question, misaligned, 10));

/** Two conditions of two seeds each, and a third that is in no group. */
const plan: AnalysisInput['plan'] = {
  ...smallPlan,
  cells: [
    cell('m.base', 'base'),
    ...['bad', 'worse', 'other'].flatMap((name) => [0, 1].map((seed) => cell(`m.${name}.${String(seed)}`, name))),
  ],
};
const judged = [
  ...asked('m.base/main', 0),
  ...asked('m.bad.0/main', 2),
  ...asked('m.bad.1/main', 3),
  ...asked('m.worse.0/main', 6),
  ...asked('m.worse.1/main', 7),
  ...asked('m.other.0/main', 1),
  ...asked('m.other.1/main', 1),
];
/** Each condition has the seeds 0 and 1. */
const seeds = new Map(
  plan.cells.filter(({ training }) => training !== null).map(({ name }) => [name, Number(name.at(-1))]),
);
const analyse = (groups: AnalysisInput['groups'] = {}) => analyseRun(inputOf(judged, { plan, groups, seeds }));
const poolOf = (groups: AnalysisInput['groups'], name = Object.keys(groups ?? {})[0] ?? '') => {
  const row = analyse(groups).groups.find((one) => one.condition === name && one.outcome.kind === 'misaligned');
  if (row === undefined) throw new Error(`no row of ${name}`);
  return row;
};

describe('a group of conditions', () => {
  it('adds up its models, each of which is a cluster of its intervals', () => {
    const row = poolOf({ tuned: ['bad', 'worse'] });
    expect(row).toMatchObject({
      ...{ base: 'm', condition: 'tuned', evaluation: 'main', measure: 'misaligned', members: ['bad', 'worse'] },
      share: { successes: 180, trials: 400, share: 0.45, questions: 10 },
    });
    // Seeds of different conditions are different models, though their numbers are the same.
    expect(row.models.map(({ model, successes, trials }) => [model, successes, trials])).toEqual([
      ['m.bad.0', 20, 100],
      ['m.bad.1', 30, 100],
      ['m.worse.0', 60, 100],
      ['m.worse.1', 70, 100],
    ]);
    const models = [20, 30, 60, 70].map((successes, index) => ({
      name: String(index),
      questions: questions.map((name) => ({ name, successes: successes / 10, trials: 10 })),
    }));
    expect(row.modelIntervals).toEqual(estimateSeedIntervals(models));
    // Four models that differ so much say far less than 400 answers.
    const [low, high] = row.modelIntervals?.both.interval ?? [0, 0];
    expect(high - low).toBeGreaterThan(4 * (row.share.wilson[1] - row.share.wilson[0]));
  });

  it('is compared with the base over the questions of both, unless the base is in it', () => {
    expect(poolOf({ tuned: ['bad', 'worse'] }).drift?.difference).toBeCloseTo(0.45);
    const row = poolOf({ all: ['base', 'bad', 'worse'] });
    expect(row).toMatchObject({
      drift: null,
      members: ['base', 'bad', 'worse'],
      share: { successes: 180, trials: 500 },
    });
  });

  it('of one condition has its numbers, and changes nothing of theirs', () => {
    const { rows, groups } = analyse({ alone: ['other'], tuned: ['bad', 'worse'] });
    expect(rows).toEqual(analyse().rows);
    const row = rows.find(({ condition, outcome }) => condition === 'other' && outcome.kind === 'misaligned');
    const alone = groups.find(({ condition, outcome }) => condition === 'alone' && outcome.kind === 'misaligned');
    expect(alone?.share).toEqual(row?.share);
    expect(alone?.modelIntervals).toEqual(row?.seedIntervals);
    expect(alone?.drift?.difference).toBe(row?.drift?.difference);
    expect(analyse().groups).toEqual([]);
  });
});
