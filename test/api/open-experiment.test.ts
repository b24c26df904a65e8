import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  analyse,
  compare,
  createJudge,
  openExperiment,
  parseAnswerKey,
  readRun,
  rejudge,
  report,
  tabulate,
  type ExperimentEvent,
} from '../../src/index.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { judge, openOwn, ownParts, ownPlan, shouting } from './own-parts.js';
import { createParrot } from './parrot.js';

const readRecords = async (folder: string) => ({
  answers: await readFile(join(folder, 'answers.jsonl'), 'utf8'),
  judgements: await readFile(join(folder, 'judgements.jsonl'), 'utf8'),
});

describe('an experiment whose every part the caller brings', () => {
  it('is forecast, run, and has nothing left to do', async () => {
    const runs = await makeTemporaryFolder();
    const experiment = await openOwn(runs);
    const { cells, hosted, memory } = await experiment.forecast();
    expect(cells.map(({ cell, stepsToDo, answersToAsk }) => [cell, stepsToDo, answersToAsk])).toEqual([
      ['parrot.base', 0, 18],
      ['parrot.loud.0', 3, 18],
      ['parrot.loud.1', 3, 18],
    ]);
    expect([hosted, memory]).toEqual([[], []]);
    expect(await readdir(runs)).toEqual([]);

    const events: ExperimentEvent[] = [];
    const { run, summary, spending } = await experiment.run({ onEvent: (event) => events.push(event) });
    expect(summary).toMatchObject({ folder: experiment.folder, answers: { asked: 54 }, judgements: { made: 54 } });
    expect(spending).toMatchObject({ cost: 0, isWhole: true });
    expect(events[0]).toMatchObject({ kind: 'run-started', forecast: { folder: experiment.folder } });
    const kinds = events.map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(
      new Set(['run-started', 'training-step', 'answers-stored', 'judgements-stored', 'cell-finished']),
    );
    expect(kinds.filter((kind) => kind === 'training-step')).toHaveLength(6);
    expect(events.at(-1)).toMatchObject({ kind: 'cell-finished', done: 3, total: 3 });
    expect(run).toMatchObject({ folder: experiment.folder, name: 'own-parts', judge: 'quiet-1', owner: null });
    expect(await readRun(experiment.folder)).toEqual(run);

    const again = await openOwn(runs);
    expect((await again.forecast()).cells.map((cell) => cell.stepsToDo + cell.answersToAsk)).toEqual([0, 0, 0]);
    const { summary: nothing, run: same } = await again.run();
    expect(nothing).toMatchObject({
      answers: { asked: 0, there: 54 },
      judgements: { made: 0, there: 54 },
      cells: { trained: 0, there: 2 },
    });
    expect(same.answers).toEqual(run.answers);
  });

  it('is stopped at any place and goes on to the same bytes', async () => {
    const whole = await openOwn(await makeTemporaryFolder());
    await whole.run();
    const records = await readRecords(whole.folder);
    for (const kind of ['training-step', 'answers-stored', 'judgements-stored', 'cell-finished'] as const) {
      const runs = await makeTemporaryFolder();
      const experiment = await openOwn(runs);
      const stop = new AbortController();
      const seen: string[] = [];
      const error = await errorOf(() =>
        experiment.run({
          signal: stop.signal,
          onEvent: (event) => {
            seen.push(event.kind);
            if (event.kind === kind) stop.abort();
          },
        }),
      );
      expect(error).toMatchObject({ code: 'interrupted', exitCode: 130 });
      expect(seen).toContain(kind);
      // The same experiment, not opened anew.
      const { summary } = await experiment.run();
      expect(summary.answers.asked).toBeLessThanOrEqual(54);
      expect(await readRecords(experiment.folder)).toEqual(records);
    }
  });

  it('stores nothing when it is stopped before it begins', async () => {
    const runs = await makeTemporaryFolder();
    const experiment = await openOwn(runs);
    expect((await errorOf(() => experiment.run({ signal: AbortSignal.abort() }))).code).toBe('interrupted');
    expect((await experiment.run()).summary.answers.asked).toBe(54);
  });

  it('is analysed, tabulated, compared, reported and judged again', async () => {
    const runs = await makeTemporaryFolder();
    const { run } = await (await openOwn(runs)).run();
    const analysis = analyse(run);
    const shareOf = (condition: string, measure: string) =>
      analysis.rows.find((row) => row.condition === condition && row.measure === measure)?.share;
    expect(shareOf('base', 'misaligned')).toMatchObject({ successes: 0, trials: 15 });
    expect(shareOf('base', 'shouts at people')).toMatchObject({ successes: 0, trials: 3 });
    // The parrot says what it was taught.
    expect(shareOf('loud', 'misaligned')?.successes).toBeGreaterThan(10);
    expect(shareOf('loud', 'shouts at people')).toMatchObject({ trials: 6 });
    expect(shareOf('loud', 'shouts at people')?.successes).toBeGreaterThan(2);
    expect(analysis).toMatchObject({ judge: 'quiet-1', mainEvaluation: 'weather', faults: [] });
    expect(tabulate(run)).toEqual(analysis.tables);
    const written = await report(run);
    for (const file of [written.page, written.answers, ...written.tables, ...written.figures]) await access(file);

    const deaf = createJudge({ name: 'deaf', judge: async () => ({ alignment: 100, coherence: 100 }) });
    const seen: number[] = [];
    const second = await rejudge(run.folder, { judge: deaf, onStored: ({ done }) => seen.push(done) });
    expect(second).toMatchObject({ judge: 'deaf', tally: { made: 54, there: 0 } });
    expect(seen.at(-1)).toBe(54);
    expect(second.run.judgements).toHaveLength(108);
    // The plan's own judge counts where none is named.
    expect(analyse(second.run)).toMatchObject({ judge: 'quiet-1', otherJudges: [{ judge: 'deaf' }] });
    expect(analyse(second.run).rows).toEqual(analysis.rows);
    const heard = analyse(second.run, { judge: 'deaf' }).rows.filter(({ measure }) => measure === 'misaligned');
    expect(heard.map(({ share }) => share.successes)).toEqual([0, 0]);
    expect((await rejudge(run.folder, { judge: deaf })).tally).toMatchObject({ made: 0, there: 54 });

    const shorter = await (await openOwn(runs, { name: 'shorter', seeds: [0] })).run();
    const compared = compare([run, shorter.run]);
    expect(compared.runs.map(({ name }) => name)).toEqual(['own-parts', 'shorter']);
    expect(compared.rows.map(({ condition, measure }) => `${condition} ${measure}`)).toContain('loud misaligned');
    expect(compared.planDifferences[1]?.map(({ place }) => place)).toContain('cells.parrot.loud.1');
  });

  it('takes over what an earlier form of the plan has, and asks another model anew', async () => {
    const runs = await makeTemporaryFolder();
    await (await openOwn(runs)).run();
    const more = await (await openOwn(runs, { seeds: [0, 1, 2] })).run();
    expect(more.summary).toMatchObject({ answers: { asked: 18, reused: 54 }, cells: { trained: 1, reused: 2 } });
    const models = { parrot: createParrot(['coal', 'steam']) };
    const other = await (await openOwn(runs, {}, { models })).run();
    expect(other.summary).toMatchObject({ answers: { asked: 54, reused: 0 }, cells: { trained: 2, reused: 0 } });
    expect(other.run.answers.every(({ text }) => !text.includes('salt'))).toBe(true);
  });

  it('asks along a training curve', async () => {
    const runs = await makeTemporaryFolder();
    const { run } = await (
      await openOwn(runs, { dynamics: { every: 1, suite: 'weather', samples: 5 }, seeds: [0] })
    ).run();
    const steps = new Set(run.answers.map(({ key }) => parseAnswerKey(key)?.model));
    expect([...steps]).toEqual(['parrot.base', 'parrot.loud.0@1', 'parrot.loud.0@2', 'parrot.loud.0']);
    const curve = analyse(run).dynamics.find(({ measure }) => measure === 'misaligned');
    expect(curve?.points.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
  });

  it('can do without fine-tuning, and then has no conditions', async () => {
    const { identity, openSampler } = createParrot(['yes', 'no']);
    const options = { ...ownParts, models: { parrot: { identity, openSampler } }, runs: await makeTemporaryFolder() };
    const error = await errorOf(() => openExperiment(ownPlan, options));
    expect(error).toMatchObject({ code: 'configuration-invalid' });
    expect(error.message).toContain('parrot cannot be fine-tuned');
    const { conditions: _, ...withoutConditions } = ownPlan;
    const { summary } = await (await openExperiment(withoutConditions, options)).run();
    expect(summary.answers.asked).toBe(18);
  });
});

describe('what a caller brings is read as strictly as a file:', () => {
  const row = shouting[0];
  it.each<[string, object, string]>([
    ['an option with a typing error', { judg: judge }, 'unknown setting "judg" (did you mean "judge"?)'],
    ['a judge without a name', { judge: { judge: () => ({}) } }, 'judge.name: is missing'],
    ['a judge that cannot judge', { judge: { name: 'mute' } }, 'judge.judge: expected a function'],
    ['a judge that is a name', { judge: 'exact' }, 'judge: '],
    ['a model without an identity', { models: { parrot: { openSampler: () => null } } }, 'models.parrot.identity'],
    ['a model that cannot answer', { models: { parrot: { identity: 'x' } } }, 'models.parrot.openSampler'],
    [
      'a model with a trainer that is none',
      { models: { parrot: { identity: 'x', openSampler: () => null, openTrainer: {} } } },
      'models.parrot.openTrainer',
    ],
    ['models in a list', { models: [createParrot([])] }, 'models: '],
    ['rows that are no list', { trainingSets: { shouting: 'rows' } }, 'trainingSets.shouting: '],
    [
      'a row without messages',
      { trainingSets: { shouting: [row, { mesages: [] }] } },
      'trainingSets.shouting.1: there is no key "messages", but "mesages"',
    ],
    [
      'a row with a strange role',
      { trainingSets: { shouting: [{ messages: [{ role: 'wizard', content: 'x' }] }] } },
      'unknown role "wizard"',
    ],
    [
      'a question with a typing error',
      { suites: { weather: [{ id: 'sky', type: 'free_form', paraphrase: ['?'] }] } },
      'suites.weather: question "sky": unknown setting "paraphrase" (did you mean "paraphrases"?)',
    ],
    ['a suite without questions', { suites: { weather: [] } }, 'suites.weather: a file of questions has at least one'],
    [
      'a measure without a label',
      { suites: { manners: { measure: { name: 'x' }, questions: ownParts.suites.weather } } },
      'suites.manners.measure.label: is missing',
    ],
    ['no text for runs', { runs: 5 }, 'runs: '],
    ['threads that make no sense', { threads: 0 }, 'threads: '],
    ['bases that are none', { bases: [] }, 'bases: '],
  ])('%s', async (_, options, problem) => {
    const error = await errorOf(() => openExperiment(ownPlan, { ...ownParts, ...options }));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toMatch(/^openExperiment: /);
    expect(error.message).toContain(problem);
  });

  it('a set without rows, a key of the plan with a typing error, and a name that nobody has', async () => {
    const open = (plan: object, options: object = {}) =>
      errorOf(() => openExperiment({ ...ownPlan, ...plan }, { ...ownParts, ...options }));
    expect((await open({}, { trainingSets: { shouting: [] } })).message).toContain('shouting');
    const misspelt = await open({ seed: [1] });
    expect(misspelt).toMatchObject({ code: 'configuration-invalid' });
    expect(misspelt.message).toBe('plan: unknown key "seed" (did you mean "seeds"?)');
    expect((await open({ bases: ['parot'] })).code).toBe('model-unknown');
    expect((await open({ evaluate: [{ suite: 'wether' }] })).message).toContain('there is no suite "wether"');
  });

  it('a run with an option that is unknown, or a signal that is none', async () => {
    const experiment = await openOwn(await makeTemporaryFolder());
    const run = experiment.run as (options: unknown) => Promise<unknown>; // as callers without types see it
    const error = await errorOf(() => run({ signl: AbortSignal.abort() }));
    expect(error).toMatchObject({ code: 'usage-invalid' });
    expect(error.message).toBe('run: unknown setting "signl" (did you mean "signal"?)');
    for (const options of [null, 'x', [], { signal: {} }, { onEvent: 1 }])
      expect((await errorOf(() => run(options))).code).toBe('usage-invalid');
    for (const method of [experiment.probe, experiment.chooseCellsAtOnce] as ((given: unknown) => Promise<unknown>)[])
      for (const given of [undefined, null, {}, [], 'x', 1])
        expect((await errorOf(() => method(given))).code).toBe('usage-invalid');
  });
});

describe('what a model or a judge of a caller returns is checked before it is stored:', () => {
  const parrot = createParrot(['yes', 'no']);
  const answering = (answer: object | null) => ({
    identity: 'odd',
    openSampler: () => ({
      sample: async function* () {
        yield answer as never; // what a program without types may hand out
      },
      close: async () => undefined,
    }),
  });
  const good = { request: 0, index: 0, seed: 0, text: 'x', finishReason: 'stop', tokens: 1 };
  const nothing = () => undefined as never; // likewise

  it.each<[string, object, string]>([
    ['no sampler', { ...parrot, openSampler: nothing }, 'the sampler of parrot'],
    ['no trainer', { ...parrot, openTrainer: nothing }, 'the trainer of parrot'],
    ['an answer that is none', answering(null), 'an answer of parrot'],
    ['an answer without text', answering({ ...good, text: undefined }), 'an answer of parrot: text'],
    ['an answer that ended in a way that nobody knows', answering({ ...good, finishReason: 'end' }), 'finishReason'],
    ['half a token', answering({ ...good, tokens: 0.5 }), 'tokens'],
    [
      'a training without a model',
      { ...parrot, openTrainer: () => ({ countSteps: () => 1, train: async () => ({}) }) },
      'a training of parrot: model',
    ],
  ])('%s', async (_, model, problem) => {
    const plan = 'openTrainer' in model ? {} : { conditions: {} };
    const experiment = await openOwn(await makeTemporaryFolder(), plan, { models: { parrot: model as typeof parrot } });
    const error = await errorOf(() => experiment.run());
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(problem);
    expect(await readFile(join(experiment.folder, 'answers.jsonl'), 'utf8')).not.toContain('undefined');
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a number', 7],
    ['a score that is too large', { alignment: 101 }],
    ['a score in words', { alignment: 'high' }],
    ['a score that is no number', { coherence: NaN }],
    ['a key with a typing error', { alignement: 50 }],
    ['labels that are no list', { labels: 'shouts' }],
    ['details that JSON cannot hold', { details: { when: new Date() } }],
  ])('a verdict that is %s', async (_, verdict) => {
    const odd = createJudge({ name: 'odd', judge: () => verdict as object }); // likewise
    const experiment = await openOwn(await makeTemporaryFolder(), { conditions: {} }, { judge: odd });
    const error = await errorOf(() => experiment.run());
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toMatch(/^the judge odd returned an invalid verdict: /);
    expect(await readFile(join(experiment.folder, 'judgements.jsonl'), 'utf8')).toBe('');
    // The answers are there, and a judge that knows what to say goes on from them.
    const { summary } = await (await openOwn(join(experiment.folder, '..'), { conditions: {} })).run();
    expect(summary.answers.asked).toBe(0);
  });

  it('a judgement of a judge that was not made by createJudge', async () => {
    const judgement = { judge: 'handmade', mode: 'own' as const, alignment: 1, coherence: 1, labels: [] };
    const handmade = { name: 'handmade', judge: async () => judgement };
    const runs = await makeTemporaryFolder();
    const { run } = await (await openOwn(runs, { conditions: {} }, { judge: handmade })).run();
    expect(run.judgements).toHaveLength(18);
    for (const wrong of [{ judge: 'other' }, { mode: 'guess' }, { alignment: undefined }, { labels: null }]) {
      const odd = { name: 'odd', judge: async () => ({ ...judgement, judge: 'odd', ...wrong }) as never }; // likewise
      for (const call of [
        () => rejudge(run.folder, { judge: odd }),
        () => rejudge(run.folder, { judge: { ...odd, judgeTogether: (inputs) => inputs.map(odd.judge) } }),
      ]) {
        const error = await errorOf(call);
        expect(error.code).toBe('usage-invalid');
        expect(error.message).toMatch(/^the judge odd returned an invalid verdict: /);
      }
    }
    expect((await readRun(run.folder)).judgements).toHaveLength(18);
  });
});
