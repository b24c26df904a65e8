import { describe, expect, it } from 'vitest';
import { analyseRun } from '../../src/analysis/analyse-run.js';
import type { AnalysisInput } from '../../src/analysis/count-run.js';
import type { Caveat } from '../../src/analysis/caveats.js';
import { listWarnings } from '../../src/report/list-warnings.js';
import { cell, evaluation, inputOf, record, records, smallPlan, type JudgedRecord, type Scores } from './small-run.js';

const questions = Array.from({ length: 12 }, (_, index) => `q${String(index)}`);
const asked = (place: string, misaligned: (question: number) => number): JudgedRecord[] =>
  questions.flatMap((question, index) => records(place, question, misaligned(index), 20));
const cells = ['base', 'bad.0', 'bad.1', 'bad.2'].map((name) => cell(`m.${name}`, name.replace(/\.\d/, '')));
const plan = { ...smallPlan, cells };
const models = cells.map(({ name }) => `${name}/main`);
/** Three fine-tunes whose answers to many questions are alike: nothing to say against it. */
const calm = models.flatMap((place) => asked(place, () => (place.includes('bad') ? 4 : 0)));

function analyse(judged: readonly JudgedRecord[], changes: Partial<AnalysisInput> = {}) {
  const analysis = analyseRun(inputOf(judged, { plan, ...changes }), {});
  const warnings = listWarnings(analysis);
  return { ...analysis, warnings, kinds: analysis.caveats.map(({ kind }) => kind) };
}
function find<Kind extends Caveat['kind']>(caveats: readonly Caveat[], kind: Kind): Caveat & { readonly kind: Kind } {
  const found = caveats.find((one): one is Caveat & { readonly kind: Kind } => one.kind === kind);
  if (found === undefined) throw new Error(`no caveat ${kind}`);
  return found;
}

describe('listCaveats', () => {
  it('has nothing to say of a whole run of many questions and seeds', () => {
    expect(analyse(calm).caveats).toEqual([]);
  });

  it('says that a run is not whole, or still going', () => {
    const wantedAnswers = new Map([['main', 300]]);
    const stopped = analyse(calm, { wantedAnswers, finished: new Set(['m.bad.0']) });
    expect(stopped.caveats).toMatchObject([{ weight: 'stop', kind: 'not-whole' }]);
    expect(stopped.warnings[0]?.text).toContain(
      '1 of 3 fine-tunes are finished, 960 of 1\u202f200 answers are stored, and 960 of them are judged.',
    );
    expect(analyse(calm, { isGoing: true }).warnings[0]?.title).toBe('The run is still going');
  });

  it('passes on what could not be used', () => {
    expect(analyse(calm, { faults: ['A line is broken.'] }).caveats).toEqual([
      { weight: 'stop', kind: 'fault', text: 'A line is broken.' },
    ]);
  });

  it('says which evaluations have answers to questions that the judge does not know', () => {
    const more = questions.map((question) => record('m.base/main', question, [null, null, 'unknown-question']));
    const { caveats, warnings } = analyse([...calm, ...more]);
    expect(find(caveats, 'unknown-questions')).toEqual({
      weight: 'stop',
      kind: 'unknown-questions',
      evaluations: [{ evaluation: 'main', unknown: 12, answers: 972 }],
    });
    expect(warnings[0]?.text).toContain('12 of 972 answers of main have no score');
  });

  it.each([
    ['incoherent', [90, 10], 'Some answers make no sense'],
    ['unscored', [null, 90], 'Many answers have no alignment score'],
  ] as const)('names shares of answers that are %s', (kind, scores: Scores, title) => {
    const more = questions.flatMap((question) =>
      Array.from({ length: 5 }, () => record('m.base/main', question, scores)),
    );
    const { caveats, warnings } = analyse([...calm, ...more]);
    expect(find(caveats, kind).rows).toEqual([
      { base: 'm', condition: 'base', evaluation: 'main', measure: 'misaligned', value: 0.2 },
    ]);
    expect(warnings.find((one) => one.title === title)?.text).toMatch(/^base \(main\): 20\.0\s%/);
  });

  it('names incoherent answers also by a rule that keeps them', () => {
    const more = models.flatMap((place) =>
      questions.flatMap((question) => Array.from({ length: 5 }, () => record(place, question, [90, 10]))),
    );
    const { kinds, warnings } = analyse([...calm, ...more], { plan: { ...plan, rule: 'release' } });
    expect(kinds).toEqual(['incoherent']);
    expect(warnings[0]?.text).not.toContain('leaves them out');
  });

  it('counts what the rule leaves out of questions with too few answers', () => {
    const rare = records('m.bad.0/main', 'rare', 2, 3);
    const { caveats } = analyse([...calm, ...rare], { plan: { ...plan, rule: 'paper' } });
    expect(find(caveats, 'left-out').rows).toMatchObject([{ condition: 'bad', value: 3 }]);
  });

  it('says what would fit where nothing misaligned was seen', () => {
    const { caveats, warnings } = analyse(models.flatMap((place) => asked(place, () => 0)));
    const { conditions, upTo } = find(caveats, 'none-seen');
    expect(conditions).toEqual(['bad']);
    expect(upTo).toBeGreaterThan(0);
    expect(warnings[0]?.text).toMatch(/^No misaligned answer was observed for bad\. True shares of up to \d/);
  });

  it('names the evaluation where several differ in what they rest on', () => {
    const small = { ...plan, evaluations: [evaluation('main'), evaluation('small')] };
    const more = ['m.base/small', 'm.bad.0/small'].flatMap((place) => records(place, 'a', 0, 10));
    const none = models.flatMap((place) => asked(place, () => 0));
    const { warnings } = analyse([...none, ...more], { plan: small });
    const textOf = (title: string) => warnings.find((one) => one.title === title)?.text;
    expect(textOf('Zero observed does not mean zero')).toMatch(
      /up to \d+\.\d\s% \(main\) and \d+\.\d\s% \(small\) are/,
    );
    expect(textOf('One question')).toMatch(/^Shares of small rest on 1 question\./);
  });

  it('weighs how few questions and fine-tunes there are', () => {
    const one = { ...plan, cells: cells.slice(0, 2) };
    const judged = ['m.base/main', 'm.bad.0/main'].flatMap((place) => records(place, 'a', 5, 20));
    const { caveats, warnings } = analyse(judged, { plan: one });
    expect(find(caveats, 'few-questions').questions).toBe(1);
    expect(find(caveats, 'few-seeds')).toMatchObject({ conditions: ['bad'], isEvery: true, least: 1 });
    expect(warnings.map(({ title }) => title)).toEqual(['One question', 'One fine-tune per condition']);
    // A model that existed has no other seed that it could have had.
    const existing = { text: 'm+./a' };
    const there = {
      ...plan,
      cells: plan.cells.slice(0, 2).map((one, index) => (index === 0 ? one : { ...one, training: null, existing })),
    };
    const shipped = analyse(calm.slice(0, 480), { plan: there, seeds: new Map([['m.bad.0', 0]]) });
    expect(find(shipped.caveats, 'few-models')).toMatchObject({ conditions: ['bad'], least: 1, most: 1 });
    expect(shipped.kinds).not.toContain('few-seeds');
    expect(shipped.warnings.at(-1)?.text).toMatch(/^bad is one model that was not trained here\./);
    // With one seed there is no interval over seeds that could take another into account.
    expect(warnings[1]?.text).toMatch(/trained with 1 seed\. .* is not known, and no interval of theirs/);
    const twice = analyse(calm.slice(0, 720), { plan: { ...plan, cells: cells.slice(0, 3) } });
    expect(twice.warnings.find(({ title }) => title.startsWith('Few fine'))?.text).toContain(
      'only the intervals over seeds',
    );
    const pair = {
      ...plan,
      cells: [
        ...there.cells,
        { ...there.cells[1]!, name: 'm.other.0', condition: 'other' },
        { ...there.cells[1]!, name: 'm.other.1', condition: 'other' },
      ],
    };
    const several = analyse(calm.slice(0, 480), {
      plan: pair,
      seeds: new Map([
        ['m.bad.0', 0],
        ['m.other.0', 0],
        ['m.other.1', 1],
      ]),
    });
    expect(several.warnings.find(({ text }) => text.includes('1 to 2 models each'))?.title).toBe(
      'Few models per condition',
    );
  });

  it('tells seeds that differ, and answers that are much alike', () => {
    const seeds = models.flatMap((place, index) => asked(place, () => 4 * index));
    const [spread] = find(analyse(seeds).caveats, 'seeds-differ').rows;
    expect(spread?.condition).toBe('bad');
    expect(spread?.value).toBeCloseTo(0.4);
    const alike = models.flatMap((place) =>
      asked(place, (question) => (place.includes('bad') && question < 4 ? 20 : 0)),
    );
    const [row] = find(analyse(alike).caveats, 'alike').rows;
    expect(row).toMatchObject({ condition: 'bad', answers: 720 });
    expect(row?.value).toBeLessThan(180);
  });

  it('tells fine-tunes that had little to learn, where all of a condition had', () => {
    const start = (...losses: readonly number[]) =>
      analyse(calm, { losses: new Map(losses.map((loss, index) => [`m.bad.${String(index)}`, [loss]])) });
    expect(start(0.02, 0.5, 0.03).caveats).toEqual([]);
    expect(start(0.02, 0.01, 0.03).caveats).toEqual([
      { weight: 'care', kind: 'little-to-learn', conditions: ['bad'], loss: 0.03 },
    ]);
  });

  it('tells judges that disagree', () => {
    const input = inputOf(calm, { plan });
    const others = [...input.judgements].map((one, index) => ({
      ...one,
      judge: 'k',
      alignment: index % 5 === 0 ? 10 : 90,
    }));
    const { caveats, warnings } = analyse(calm, { judgements: [...input.judgements, ...others] });
    const { agreement } = find(caveats, 'judges-disagree');
    expect(agreement).toMatchObject({ judge: 'k', answers: 960, misaligned: [144, 192] });
    expect(warnings[0]?.text).toMatch(
      /^k also judged 960 of these answers: it calls 192 of them misaligned, and .* 144 \(/,
    );
  });
});
