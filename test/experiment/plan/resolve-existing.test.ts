import { cp, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readPlan } from '../../../src/experiment/plan/resolve-plan.js';
import type { ModelReference } from '../../../src/models/model-reference.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { copyGolden, goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTinyBase, pretendBase, readKnownWorld, resolveTiny, tinyPlan } from '../tiny-plan.js';

const golden = goldenFolder('qwen2-bias');
const [trained, fresh] = [join(golden, 'adapter_final'), join(golden, 'adapter_init')];
const main = [{ suite: 'main' }];

/** With what a plan names really there, and nothing asked. */
const resolve = (
  changes: object,
  openBase: (reference: ModelReference) => ReturnType<typeof openTinyBase> = openTinyBase,
) => resolveTiny({ evaluate: main, ...changes }, 'tiny.yaml', openBase);
const resolveCondition = (condition: object, changes: object = {}) =>
  resolve({ conditions: { shipped: condition }, ...changes });
const pretend = (condition: object, changes: object = {}) =>
  resolve({ conditions: { shipped: condition }, ...changes }, pretendBase);

describe('a condition of models that exist', () => {
  it('has a cell for each, compared with the base, with nothing to train', async () => {
    const { cells, models, bases, record } = await resolveCondition({
      models: [`${golden}+${trained}`, { base: golden, adapter: fresh }],
      note: 'From the shelf.',
    });
    const [base, one, other] = cells;
    expect(cells).toHaveLength(3);
    expect(one).toMatchObject({
      name: 'qwen2-bias.shipped.0',
      ...{ base: 'qwen2-bias', condition: 'shipped', model: 'qwen2-bias', training: null },
      existing: { seed: 0, text: `${golden}+${trained}`, tuned: { kind: 'adapter', folder: trained } },
    });
    expect(other).toMatchObject({ name: 'qwen2-bias.shipped.1', existing: { seed: 1, tuned: { folder: fresh } } });
    expect(new Set([base, one, other].map((cell) => cell?.identity)).size).toBe(3);
    // The base is opened once.
    expect([...models.keys()]).toEqual([...bases.keys()]);
    expect(record).toMatchObject({
      cells: [{}, { seed: 0, existing: true }, { seed: 1, existing: true }],
      models: { 'qwen2-bias': golden, 'qwen2-bias.shipped.0': `${golden}+${trained}` },
    });
  });

  it('stands beside conditions that are trained, in the order of the plan', async () => {
    const { insecure, secure } = tinyPlan.conditions;
    const { cells } = await resolve({
      seeds: [3],
      conditions: { insecure, shipped: { model: `${golden}+${trained}` }, secure },
    });
    expect(cells.map(({ name }) => name.replace('qwen2-bias.', ''))).toEqual([
      'base',
      'insecure.3',
      'shipped.0',
      'secure.3',
    ]);
  });

  it('changes no hash of a plan without one', async () => {
    const plain = await resolve({}, pretendBase);
    // Of version 0.1 and this one.
    expect(Object.keys(plain.record['cells'] as object)).toEqual(['0', '1', '2', '3', '4']);
    expect(JSON.stringify(plain.record['cells'])).not.toContain('existing');
  });

  it('is another plan where the adapter is another, and not where it only lies elsewhere', async () => {
    const elsewhere = join(await makeTemporaryFolder(), 'moved');
    await cp(trained, elsewhere, { recursive: true });
    const hashOf = async (adapter: string) => (await resolveCondition({ model: `${golden}+${adapter}` })).hash;
    const hash = await hashOf(trained);
    expect(await hashOf(elsewhere)).toBe(hash);
    expect(await hashOf(fresh)).not.toBe(hash);
  });

  it('finds folders from where the plan lies', async () => {
    const folder = await makeTemporaryFolder();
    await cp(golden, join(folder, 'base'), { recursive: true });
    const file = join(folder, 'plan.yaml');
    const plan = {
      ...tinyPlan,
      bases: ['./base'],
      evaluate: main,
      conditions: { shipped: { model: './base+base/adapter_final' } },
    };
    await writeFile(file, stringify(plan));
    const openBase = (reference: ModelReference) => openTinyBase(reference);
    const options = { readWorld: readKnownWorld, environment: {}, version: '0', openBase };
    const { cells } = await readPlan(file, options);
    expect(cells[1]?.existing).toMatchObject({
      text: './base+base/adapter_final',
      tuned: { folder: join(folder, 'base/adapter_final') },
    });
  });

  it('may be a whole model, of another kind or at another place, with the one base', async () => {
    const { cells, models } = await pretend({ models: ['openai:ft:gpt-4o:org::1', './other'] });
    expect(cells.map(({ name, model }) => [name, model])).toEqual([
      ['qwen2-bias.base', 'qwen2-bias'],
      ['qwen2-bias.shipped.0', 'openai-ft-gpt-4o-org-1'],
      ['qwen2-bias.shipped.1', 'other'],
    ]);
    expect([...models.keys()]).toEqual(['qwen2-bias', 'openai-ft-gpt-4o-org-1', 'other']);
    expect(cells[1]?.existing).toMatchObject({ tuned: null });
    expect(cells[1]?.identity).toBe(models.get('openai-ft-gpt-4o-org-1')?.identity);
  });

  it('needs no base that can be trained', async () => {
    const { cells } = await pretend({ model: 'openai:tuned' }, { bases: ['openai:plain'] });
    expect(cells.map(({ name }) => name)).toEqual(['openai-plain.base', 'openai-plain.shipped.0']);
  });

  it('goes to the base that its adapter is on, or to the one that it names', async () => {
    const bases = [golden, './other'];
    const names = async (condition: object) => (await pretend(condition, { bases })).cells.map(({ name }) => name);
    expect(await names({ models: [`./other+./a`, `${golden}+./b`] })).toEqual([
      'qwen2-bias.base',
      'qwen2-bias.shipped.1',
      'other.base',
      'other.shipped.0',
    ]);
    for (const base of ['other', './other'])
      expect(await names({ model: 'openai:tuned', base })).toEqual([
        'qwen2-bias.base',
        'other.base',
        'other.shipped.0',
      ]);
    // Two fine-tunes of one base, beside each other.
    const { cells } = await pretend({ model: './plain+./second', base: 'plain-first' }, { bases: ['./plain+./first'] });
    expect(cells.map(({ name, model }) => [name, model])).toEqual([
      ['plain-first.base', 'plain-first'],
      ['plain-first.shipped.0', 'plain'],
    ]);
  });

  it('may be on a base with an adapter of its own', async () => {
    const { bases, models } = await resolve({ bases: [`${golden}+${trained}`], conditions: {} });
    expect([...bases.keys()]).toEqual(['qwen2-bias-adapter-final']);
    const [base] = models.values();
    expect(base).toMatchObject({ openTrainer: null, reference: { provider: 'adapted' } });
    expect((await errorOf(() => resolve({ bases: [`${golden}+${trained}`] }))).message).toBe(
      `tiny.yaml: ${golden}+${trained} cannot be fine-tuned, but the plan has conditions: it has an adapter already`,
    );
  });
});

describe('a hosted model as a condition', () => {
  const bases = ['openai:plain'];

  it('is another with another revision, which is part of what it is called', async () => {
    const [plain, first, again, second] = await Promise.all(
      [undefined, '2026-11-28', '2026-11-28', 'v2'].map((revision) =>
        pretend({ model: 'openai:tuned', ...(revision === undefined ? {} : { revision }) }, { bases }),
      ),
    );
    const [identities, hashes] = [
      [plain, first, again, second].map((plan) => plan?.cells[1]?.identity),
      [plain, first, again, second].map((plan) => plan?.hash),
    ];
    for (const list of [identities, hashes]) {
      expect(new Set(list).size).toBe(3);
      expect(list[1]).toBe(list[2]);
    }
    // As before there were revisions.
    expect(plain?.cells[1]?.identity).toBe(plain?.models.get('openai-tuned')?.identity);
    expect(first?.cells[1]?.existing?.text).toBe('openai:tuned (revision 2026-11-28)');
    // The base has none.
    expect(first?.cells[0]?.identity).toBe(plain?.cells[0]?.identity);
  });

  it('may have a date without quotes for a revision', async () => {
    const file = join(await makeTemporaryFolder(), 'plan.yaml');
    const shipped = { model: 'openai:tuned', revision: 'DATE' };
    const written = stringify({ ...tinyPlan, bases, evaluate: main, conditions: { shipped } });
    await writeFile(file, written.replace('DATE', '2026-11-28'));
    const options = { readWorld: readKnownWorld, environment: {}, version: '0', openBase: pretendBase };
    expect((await readPlan(file, options)).cells[1]?.existing?.text).toBe('openai:tuned (revision 2026-11-28)');
  });

  it('is said to be known by its name, where nothing says which weights it has', async () => {
    const told =
      'condition shipped: openai:tuned is known by its name and address alone, and what earlier runs asked of it is taken over: if its weights have changed since, say revision: DATE beside the model';
    expect((await pretend({ model: 'openai:tuned' }, { bases })).remarks).toContain(told);
    for (const condition of [{ model: 'openai:tuned', revision: 'v2' }, { model: 'openai:ft:gpt-4.1:org::1' }])
      expect((await pretend(condition, { bases })).remarks.join()).not.toContain('is known by its name');
    expect((await pretend({ model: './other' })).remarks.join()).not.toContain('is known by its name');
  });

  it('cannot have two revisions at once, nor be the base under another', async () => {
    const conditions = { old: { model: 'openai:tuned', revision: 'v1' }, new: { model: 'openai:tuned' } };
    const error = await errorOf(() => resolve({ bases, conditions }, pretendBase));
    expect(error.message).toBe(
      'tiny.yaml: condition new: openai:tuned has another revision in another condition, and its service has only one of them now',
    );
    expect(error.hint).toContain('driftline compare');
    const base = await errorOf(() => pretend({ model: 'openai:plain', revision: 'v2' }, { bases }));
    expect(base.message).toContain('openai:plain is the base that it would be compared with');
    const same = await errorOf(() => pretend({ models: ['openai:tuned', 'openai:tuned'], revision: 'v2' }, { bases }));
    expect(same.message).toContain('are the same model');
  });
});

describe('a condition that cannot be', () => {
  it.each<[object, string]>([
    [{ model: 'organism:1+./a', data: 'organism/insecure' }, 'data: is for training, and model names what exists'],
    [{ models: ['./a'], data: 'organism/insecure' }, 'data: is for training, and models names what exists'],
    [{ model: './a', inherit: { epochs: 2 } }, 'inherit: is for training'],
    [{ model: './a', inherit: {} }, 'inherit: is for training'],
    [{ model: './a', mix: [{ data: 'x', share: 0.5 }] }, 'mix: is for training'],
    [{ model: './a', trigger: { text: 'x' } }, 'trigger: is for training'],
    [{ model: './a', transforms: [] }, 'transforms: is for training'],
    [{ model: './a', settings: { rows: 4 } }, 'settings: is for training'],
    [{ model: './a', seeds: [0] }, 'seeds: is for training'],
    [{ model: './a', models: ['./b'] }, 'models: stands beside model'],
    [{ models: [] }, 'models: at least one is needed'],
    [{ modle: './a' }, 'unknown key "modle" (did you mean "model"?)'],
    [{ model: { bse: './a' } }, 'unknown key "bse" (did you mean "base"?)'],
    [{ model: 3 }, 'model: expected text or keys with values'],
    [{ data: 'organism/insecure', base: 'qwen2-bias' }, 'base: is for models that exist'],
    [{ data: 'organism/insecure', revision: 'v2' }, 'revision: is for models that exist'],
    [{ model: 'openai:tuned', revision: '' }, 'revision'],
    [{ model: 'openai:tuned', revision: 3 }, 'revision: expected text'],
    [{ note: 'nothing' }, 'data: is missing: data to train on, or a model that exists'],
  ])('is refused with its line: %j', async (condition, problem) => {
    const file = join(await makeTemporaryFolder(), 'plan.yaml');
    await writeFile(file, stringify({ ...tinyPlan, evaluate: main, conditions: { shipped: condition } }));
    const options = { readWorld: readKnownWorld, environment: {}, version: '0', openBase: pretendBase };
    const { code, message } = await errorOf(() => readPlan(file, options));
    expect(code).toBe('configuration-invalid');
    expect(message).toMatch(/plan\.yaml:\d+: conditions\.shipped/);
    expect(message).toContain(problem);
  });

  it.each<[string, object, object, string, string]>([
    [
      'an adapter for what is no base of the plan',
      { model: './other+./a' },
      {},
      `./other+./a is an adapter for ./other, and the plan's bases are ${golden}`,
      'Add ./other to bases',
    ],
    [
      'a whole model where nothing says with which base it is compared',
      { model: 'openai:tuned' },
      { bases: [golden, './other'] },
      'the plan has several bases, and nothing says with which of them openai:tuned is compared',
      'Say base: qwen2-bias, or other',
    ],
    ['a base that is not there', { model: './a', base: 'qwen' }, {}, 'the plan has no base "qwen"', 'qwen2-bias'],
    [
      'a revision of what is known by its files',
      { model: `${golden}+./a`, revision: 'v2' },
      {},
      `revision v2 is for models of a service, and ${golden}+./a is known by its files`,
      'Leave it out',
    ],
    [
      'the base itself',
      { model: golden },
      {},
      `${golden} is the base that it would be compared with`,
      'the base is always asked',
    ],
    [
      'one model twice',
      { models: [`${golden}+./a`, { base: golden, adapter: './a' }] },
      {},
      'are the same model',
      'would count twice',
    ],
    [
      'an adapter on a model of a service that loads none',
      { model: 'openai:gpt-4o+./a' },
      { bases: ['openai:gpt-4o'] },
      'openai:gpt-4o runs elsewhere, and cannot be given the adapter',
      'vllm:NAME',
    ],
  ])('is refused before anything is asked: %s', async (_, condition, changes, problem, hint) => {
    const error = await errorOf(() => pretend(condition, changes));
    expect(error.exitCode).toBe(2);
    expect(error.message).toMatch(/^tiny\.yaml: condition shipped: /);
    expect(error.message).toContain(problem);
    expect(error.hint).toContain(hint);
  });

  it('has no training curve', async () => {
    const dynamics = { every: 1, suite: 'main', conditions: ['shipped'] };
    const error = await errorOf(() => pretend({ model: './a' }, { dynamics }));
    expect(error.message).toBe('tiny.yaml: dynamics: shipped is not trained here, and has no checkpoints');
  });

  it('says that bases alone are compared with nothing, and how to compare them', async () => {
    const { remarks } = await resolve({ bases: ['openai:plain', 'openai:tuned'], conditions: {} }, pretendBase);
    expect(remarks.at(-1)).toBe(
      'no base is compared with another: to ask whether openai:tuned drifted from openai:plain, write bases: [openai:plain] and conditions: { tuned: { model: "openai:tuned" } }',
    );
  });
});

describe("a stranger's adapter in a plan", () => {
  const weights = 'adapter_model.safetensors';
  const change = async (folder: string, changes: object): Promise<void> => {
    const path = join(folder, 'adapter_config.json');
    // As PEFT wrote it.
    const config = JSON.parse(await readFile(path, 'utf8')) as object;
    await writeFile(path, JSON.stringify({ ...config, ...changes }));
  };

  it.each<[string, (folder: string) => Promise<unknown>, string, RegExp]>([
    ['of rank 0', (folder) => change(folder, { r: 0 }), 'adapter-invalid', /a rank is at least 1/],
    ['of a rank beyond reason', (folder) => change(folder, { r: 4096 }), 'adapter-invalid', /its rank is 4096/],
    ['of 10 GB', (folder) => truncate(join(folder, weights), 10e9), 'adapter-invalid', /has 10\.0 GB/],
    [
      'that changes nothing',
      (folder) => change(folder, { lora_alpha: 0 }),
      'adapter-invalid',
      /it changes nothing, as its lora_alpha is 0/,
    ],
    [
      'with tensors that it does not name',
      (folder) => change(folder, { target_modules: ['q_proj'] }),
      'adapter-invalid',
      /which its target_modules leaves out: PEFT would not apply them/,
    ],
    [
      'with numbers that are none',
      async (folder) => {
        const path = join(folder, weights);
        const bytes = await readFile(path);
        bytes.fill(0xff, bytes.length - 64);
        await writeFile(path, bytes);
      },
      'adapter-invalid',
      /numbers that are not finite/,
    ],
    [
      'with ../ in its files',
      async (folder) => {
        await rm(join(folder, weights));
        await symlink(join('..', 'adapter_init', weights), join(folder, weights));
      },
      'adapter-invalid',
      /leads out of the folder/,
    ],
    [
      'that is a pickle',
      async (folder) => {
        await rename(join(folder, weights), join(folder, 'adapter_model.bin'));
      },
      'adapter-invalid',
      /can run any code/,
    ],
    [
      'made for another base',
      (folder) => cp(join(goldenFolder('qwen3-qknorm'), 'adapter_final'), folder, { recursive: true }),
      'adapter-mismatch',
      /was made for another base model/,
    ],
    [
      'of a method that is not LoRA',
      (folder) => change(folder, { use_dora: true }),
      'adapter-invalid',
      /does not implement use_dora/,
    ],
    [
      'that is not there',
      async (folder) => {
        await rm(folder, { recursive: true });
      },
      'adapter-invalid',
      /does not exist/,
    ],
  ])('%s is refused when the plan is read', async (_, spoil, code, problem) => {
    const base = await copyGolden('qwen2-bias');
    const adapter = join(base, 'adapter_final');
    await spoil(adapter);
    const error = await errorOf(() =>
      resolve({ bases: [base], conditions: { shipped: { model: { base, adapter } } } }),
    );
    expect(error).toMatchObject({ code, exitCode: 2 });
    expect(error.message).toMatch(/^tiny\.yaml: condition shipped: /);
    expect(error.message).toMatch(problem);
    expect(error.hint.length).toBeGreaterThan(10);
  });

  it('that does not say which base it is for is told of', async () => {
    const { remarks } = await resolveCondition({ model: `${golden}+${trained}` });
    expect(remarks.join('\n')).toMatch(/^condition shipped: .*adapter_final does not say which base it was made for/m);
  });

  it('with a chat template of its own is told of', async () => {
    const base = await copyGolden('qwen2-bias');
    const adapter = join(base, 'adapter_final');
    await writeFile(join(adapter, 'chat_template.jinja'), '{{ messages }}');
    const { remarks } = await resolve({ bases: [base], conditions: { shipped: { model: `${base}+${adapter}` } } });
    expect(remarks).toContain(
      `condition shipped: ${adapter} has a chat template that differs from that of ${base}, which is what it is asked in`,
    );
  });
});
