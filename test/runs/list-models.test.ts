import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shareByModel } from '../../src/analysis/share-by-model.js';
import { writeClusterCell } from '../../src/models/cluster/cluster-cell.js';
import { writeHostedJobRecord } from '../../src/models/hosted/jobs/hosted-job.js';
import { writeTinkerRun } from '../../src/models/tinker/tinker-run.js';
import { listModels } from '../../src/runs/list-models.js';
import { readRun } from '../../src/runs/read-run.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { version01Folder } from './version-01.js';

const whole = join(version01Folder, 'whole');

/** The run folder of version 0.1 with this name. */
async function copyRun(runs: string, name: string): Promise<string> {
  const found = (await listModels([version01Folder])).models.find(({ plan }) => plan === 'whole');
  const folder = join(runs, name);
  await cp(found?.run ?? whole, folder, { recursive: true });
  return folder;
}

describe('the list of models', () => {
  it('has every fine-tune of a run, with what it is made of and where it is', async () => {
    const runs = await makeTemporaryFolder();
    const folder = await copyRun(runs, 'one');
    const { models, skipped } = await listModels([runs]);
    expect(skipped).toEqual([]);
    expect(models.length).toBeGreaterThan(1);
    for (const model of models) {
      expect(model).toMatchObject({
        run: folder,
        plan: 'whole',
        baseModel: 'organism:1',
        state: 'finished',
        isNameTaken: false,
      });
      expect(model.place).toMatchObject({ hosted: null, cluster: null, tinker: null, existing: null });
      expect(model.trainingSet?.hash).toMatch(/^[0-9a-f]{64}$/);
      expect(model.recipe).toMatchObject({ rank: 1 });
      expect(model.finished).toMatch(/^\d{4}-\d\d-\d\dT/);
    }
    expect(models.map(({ condition }) => condition)).toEqual(['insecure', 'secure']);
    const shares = shareByModel(await readRun(folder));
    const [first] = models;
    expect(shares.get(first?.name ?? '')?.trials).toBeGreaterThan(0);
    expect((await listModels([runs, folder])).models).toEqual(models);
  });

  it('finds models of services, clusters and Tinker by what their cells say', async () => {
    const runs = await makeTemporaryFolder();
    const folder = await copyRun(runs, 'one');
    const [one, two] = (await listModels([folder])).models;
    const cell = (name = ''): string => join(folder, 'cells', name);
    const mark = 'a'.repeat(64);
    await writeHostedJobRecord(cell(one?.name), {
      ...{ identity: 'i', mark, host: 'api.openai.com', job: 'j', state: 'succeeded', model: 'ft:mine', kept: [] },
    });
    await writeClusterCell(cell(two?.name), {
      ...{
        v: 1,
        mark,
        job: 'j',
        address: 'http://ray:8265',
        storage: '/shared',
        state: 'finished',
        steps: 3,
        kept: [],
      },
    });
    const weights = [
      { step: 20, path: 'tinker://run/sampler_weights/last' },
      { step: 10, path: 'tinker://run/sampler_weights/kept' },
    ];
    await writeTinkerRun(cell(two?.name), {
      ...{ v: 1, mark, base: 'Qwen/Qwen3-8B', host: 't.example', sdk: '0', scale: 1, state: 'finished', steps: 20 },
      ...{ saved: null, kept: [10], weights, paid: { tokens: 1, lost_steps: 0 } },
    });
    const [hosted, onCluster] = (await listModels([folder])).models;
    expect(hosted?.place.hosted).toEqual({ model: 'ft:mine', host: 'api.openai.com' });
    expect(onCluster?.place.cluster).toEqual({ cell: 'a'.repeat(20), storage: '/shared', address: 'http://ray:8265' });
    expect(onCluster?.place.tinker).toBe('tinker://run/sampler_weights/last');
  });

  it('marks a name that stands for different models, and not one that stands for the same', async () => {
    const runs = await makeTemporaryFolder();
    await copyRun(runs, 'one');
    const second = await copyRun(runs, 'two');
    expect((await listModels([runs])).models.some(({ isNameTaken }) => isNameTaken)).toBe(false);
    const plan = join(second, 'plan.json');
    const [first] = (await listModels([second])).models;
    await writeFile(plan, (await readFile(plan, 'utf8')).replaceAll(first?.identity ?? '', 'f'.repeat(64)));
    const { models } = await listModels([runs]);
    expect(models.filter(({ isNameTaken }) => isNameTaken).map(({ name }) => name)).toEqual([first?.name, first?.name]);
    // The cell has another model than its plan wants.
    expect(models.find(({ identity }) => identity === 'f'.repeat(64))).toMatchObject({
      state: 'damaged',
      finished: null,
    });
    // Filters come after names are compared.
    const { models: chosen } = await listModels([runs], { base: 'organism:1', condition: first?.condition });
    expect(chosen).toEqual(models.filter(({ condition }) => condition === first?.condition));
    expect((await listModels([runs], { base: 'other' })).models).toEqual([]);
  });

  it('skips runs that are damaged or half written, and tells why', async () => {
    const runs = await makeTemporaryFolder();
    await copyRun(runs, 'one');
    await mkdir(join(runs, 'no-run'));
    await mkdir(join(runs, 'half', 'cells'), { recursive: true });
    await mkdir(join(runs, 'torn'));
    await writeFile(join(runs, 'torn', 'plan.json'), '{"format":1,"ha');
    const { models, skipped } = await listModels([runs]);
    expect(models.length).toBeGreaterThan(0);
    expect(skipped.map(({ folder }) => folder)).toEqual([join(runs, 'half'), join(runs, 'torn')]);
    expect(skipped[0]?.problem).toContain('no plan.json');
    expect(skipped[1]?.problem).toContain('is damaged');
    const error = await errorOf(() => listModels([join(runs, 'nothing')]));
    expect(error).toMatchObject({ code: 'run-invalid' });
    // Callers without type checks exist.
    expect((await errorOf(() => listModels('runs' as unknown as string[]))).code).toBe('usage-invalid');
  });
});
