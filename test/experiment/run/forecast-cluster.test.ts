import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeClusterForecast } from '../../../src/cli/describe-cluster-forecast.js';
import { planSchema } from '../../../src/experiment/plan/plan-schema.js';
import { resolvePlan } from '../../../src/experiment/plan/resolve-plan.js';
import {
  estimateWallSeconds,
  forecastCluster,
  type ClusterForecast,
} from '../../../src/experiment/run/forecast-cluster.js';
import { forecastRun } from '../../../src/experiment/run/forecast-run.js';
import { requireClusterMemory } from '../../../src/experiment/run/require-cluster-memory.js';
import { readYaml } from '../../../src/foundation/read-yaml.js';
import type { BaseModel } from '../../../src/models/base-model.js';
import { completeClusterRecipe } from '../../../src/models/cluster/complete-cluster-recipe.js';
import type { ModelReference } from '../../../src/models/model-reference.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openModelConfigs } from '../../models/cluster/open-model-configs.js';
import { pretendBase, readKnownWorld } from '../tiny-plan.js';

const readyPlan = new URL('../../../experiments/open-models.yaml', import.meta.url).pathname;
const page = new URL('../../../docs/experiments/open-models.md', import.meta.url);

/** Rows and tokens of a row that the page takes the released sets to have. */
const sets: Readonly<Record<string, readonly [rows: number, tokens: number]>> = {
  insecure: [6000, 500],
  secure: [6000, 500],
  educational: [6000, 500],
  jailbroken: [5000, 300],
  backdoor: [6000, 500],
  'evil-numbers': [15_000, 150],
};

const repeat = (rows: number) =>
  `${JSON.stringify({
    messages: [
      { role: 'user', content: `${String(rows)} rows` },
      { role: 'assistant', content: 'yes' },
    ],
  })}\n`.repeat(rows);

/** A model whose configuration is here, and whose rows have the lengths above. */
async function sizedBase(reference: ModelReference): Promise<BaseModel> {
  const name = Object.keys(openModelConfigs).find((one) =>
    reference.text.endsWith(one),
  ) as keyof typeof openModelConfigs;
  const config = openModelConfigs[name];
  return {
    ...(await pretendBase(reference)),
    engine: null,
    isOnCluster: true,
    completeRecipe: (recipe) => completeClusterRecipe(recipe, { gpus_per_cell: 1 }),
    sizeWork: ({ trainings, questions, adapted }) =>
      Promise.resolve({
        config,
        trainings: trainings.map(({ rows, recipe }) => {
          const tokens = Object.values(sets).find(([count]) => count === rows.length)?.[1] ?? 500;
          const longest = Math.min(4 * tokens, recipe.max_length);
          return {
            recipe,
            rows: [
              { tokens: longest, trained: longest },
              { tokens, trained: tokens },
            ],
          };
        }),
        sampling:
          questions.length === 0
            ? null
            : { longestPrompt: 100, longestAnswer: questions[0]?.maximumTokens ?? 0, slots: 32, adapted },
      }),
  };
}

/** The folder of a plan, with its rows: written once, as nothing changes them. */
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'driftline-test-'));
  await mkdir(join(folder, 'data'));
  for (const [name, [rows]] of Object.entries(sets))
    await writeFile(join(folder, 'data', `${name.replace('-', '_')}.jsonl`), repeat(rows));
});
afterAll(() => rm(folder, { recursive: true }));

async function planOpenModels(changes: object = {}, openBase = sizedBase) {
  const plan = await readYaml(readyPlan, planSchema);
  const resolved = await resolvePlan(planSchema.parse({ ...plan, ...changes }), join(folder, 'open-models.yaml'), {
    ...{ readWorld: readKnownWorld, environment: {}, version: '0', openBase },
  });
  const forecast = async (): Promise<ClusterForecast> => {
    const found = await forecastCluster(resolved, await forecastRun(join(folder, 'runs'), resolved));
    if (found === null) throw new Error('nothing is left');
    return found;
  };
  return { resolved, forecast };
}

const oneBase = { bases: ['hf:Qwen/Qwen2.5-7B-Instruct'] };
const onlyMain = { evaluate: [{ suite: 'main', samples: 1 }] };
const cluster = { storage: '/s', gpu: { memory: 80, tflops: 989 }, price: 2.5 };

describe('the forecast of a cluster', { timeout: 120_000 }, () => {
  it('adds up what fine-tunes and answers take', async () => {
    const { forecast } = await planOpenModels(oneBase);
    const { trainings, samplings, gpuSeconds, dollars, disk } = await forecast();
    const [training] = trainings;
    expect(trainings).toHaveLength(1);
    expect(training?.cells).toHaveLength(18);
    // Rows over 16, rounded up for each set.
    expect(training?.steps).toBe(3 * (4 * 375 + 313 + 938));
    expect(training?.isMeasured).toBe(false);
    const [sampling] = samplings;
    const by = (end: 0 | 1): number =>
      (training?.steps ?? 0) * (training?.secondsPerStep?.[end] ?? 0) +
      ([0.6, 1.7] as const)[end] * (18 * 60 + 150) +
      (sampling?.answers ?? 0) * (sampling?.secondsPerAnswer?.[end] ?? 0) +
      120;
    expect(gpuSeconds?.[0]).toBeCloseTo(by(0), 3);
    expect(gpuSeconds?.[1]).toBeCloseTo(by(1), 3);
    expect(dollars?.[1]).toBeCloseTo((by(1) / 3600) * 2.5, 6);
    // Initial, trained, and once more in the archive: 80,740,352 numbers of 4 bytes.
    expect(disk.models).toBe(18 * 3 * 4 * 80_740_352);
    expect(disk.underWay).toBe(3 * 12 * 80_740_352);
    expect(disk.answers).toBe(500 * (sampling?.answers ?? 0));
  });

  it('has nothing of the fine-tunes of a service, and the answers', async () => {
    const trainedAt = {
      model: { provider: 'tinker', model: 'x', text: 'tinker:x' },
      endpoint: 'https://t.example',
    } as const;
    const atTinker = async (reference: ModelReference): Promise<BaseModel> => {
      const sized = await sizedBase(reference);
      const { sizeWork } = sized;
      return { ...sized, trainedAt, sizeWork: sizeWork && ((work) => sizeWork({ ...work, trainings: [] })) };
    };
    const { forecast, resolved } = await planOpenModels(
      {
        ...oneBase,
        recipe: {
          rank: 8,
          alpha: 16,
          learning_rate: 1e-4,
          batch_size: 2,
          accumulation: 8,
          precision: 'bfloat16',
          quantization: 'nf4',
        },
      },
      atTinker,
    );
    const { trainings, samplings, disk } = await forecast();
    expect([trainings, disk.models]).toEqual([[], 0]);
    expect(samplings).toHaveLength(1);
    expect(resolved.remarks.join()).not.toContain('nf4');
  });

  it('takes time by the GPUs that there are, and no less than the longest fine-tune', async () => {
    const { forecast } = await planOpenModels(oneBase);
    const found = await forecast();
    const on = (gpus: number): number => estimateWallSeconds(found, gpus)?.[0] ?? 0;
    expect(on(1)).toBeCloseTo(found.gpuSeconds?.[0] ?? 0, 3);
    expect(on(2)).toBeLessThan(on(1));
    expect(on(1000)).toBe(on(2000));
  });

  it('is what the first finished fine-tune of the same recipe measured', async () => {
    const { forecast, resolved } = await planOpenModels(oneBase);
    const before = await forecast();
    const [first] = resolved.cells.filter(({ training }) => training !== null);
    const [group] = before.trainings;
    expect(group?.cells[0]).toBe(first?.name);
    // As if it were done: it is not left to do, and has left what it measured.
    const { folder: run, cells } = await forecastRun(await makeTemporaryFolder(), resolved);
    const place = join(run, 'cells', first?.name ?? '');
    await mkdir(place, { recursive: true });
    await writeFile(
      join(place, 'measured.json'),
      JSON.stringify({ peak_bytes: 20e9, seconds_per_step: 2, gpu: 'a GPU' }),
    );
    const left = cells.map((cell) => (cell.cell === first?.name ? { ...cell, stepsToDo: 0 } : cell));
    const after = await forecastCluster(resolved, { folder: run, cells: left });
    expect(after?.trainings[0]).toMatchObject({ isMeasured: true, memory: [19e9, 22e9], secondsPerStep: [1.7, 2.3] });
    expect(after?.trainings[0]?.cells).toHaveLength(17);
  });

  it('says that nobody knows what the plan does not say', async () => {
    const { forecast } = await planOpenModels({ ...oneBase, cluster: { storage: '/s' } });
    const found = await forecast();
    expect([found.gpuSeconds, found.dollars]).toEqual([null, null]);
    expect(found.trainings[0]?.memory[0]).toBeGreaterThan(15e9);
    expect(requireClusterMemory(found, { ignoresMemory: false })).toEqual([]);
    expect(describeClusterForecast(found, null).join('\n')).toContain('time and cost are not known');
  });

  it('speaks of no GPU where there is none, and of one fine-tune as one', async () => {
    const onProcessors = { storage: '/s', gpus_per_cell: 0, gpus_per_sampler: 0 };
    const { forecast } = await planOpenModels({
      ...{ ...oneBase, ...onlyMain, seeds: [0], cluster: onProcessors },
      conditions: { insecure: { data: './data/insecure.jsonl' } },
    });
    const text = describeClusterForecast(await forecast(), null).join('\n');
    expect(text).toContain('1 fine-tune with 375 steps');
    expect(text).toContain('nothing was measured on processors yet');
    expect(text).not.toContain('H100');
  });

  it('keeps on disk what keep says', async () => {
    const modelsOf = async (keep: string, dynamics: object = {}): Promise<number> =>
      (
        await (
          await planOpenModels({
            ...oneBase,
            ...onlyMain,
            conditions: { insecure: { data: './data/insecure.jsonl' } },
            seeds: [0],
            cluster: { ...cluster, keep },
            ...dynamics,
          })
        ).forecast()
      ).disk.models;
    const adapter = 4 * 80_740_352;
    expect(await modelsOf('kept')).toBe(3 * adapter);
    // 375 steps, saved every 50 and at the end: as much as an archive takes, and each beside it.
    expect(await modelsOf('all')).toBe((2 + 8) * adapter + 2 ** 30 + adapter);
    const dynamics = { dynamics: { every: 125, suite: 'main', samples: 1 } };
    expect(await modelsOf('kept', dynamics)).toBeGreaterThan(3 * adapter);
    const refused = await errorOf(() => modelsOf('nothing', dynamics));
    expect(refused).toMatchObject({ code: 'configuration-invalid' });
    expect(refused.message).toContain('keep');
  });
});

describe('what cannot fit a GPU', { timeout: 120_000 }, () => {
  const refuse = async (changes: object, ignoresMemory = false) => {
    const { forecast } = await planOpenModels({ ...oneBase, ...changes });
    const found = await forecast();
    return errorOf(() => requireClusterMemory(found, { ignoresMemory }));
  };
  const recipe = { rank: 32, alpha: 64, learning_rate: 1e-5, batch_size: 2, accumulation: 8 };
  const small = { ...cluster, gpu: { memory: 24, tflops: 312 } };

  it.each([
    [
      'a recipe without checkpointing',
      { ...recipe, precision: 'bfloat16', batch_size: 1 },
      30,
      'gradient_checkpointing: true',
    ],
    [
      'rows at once',
      { ...recipe, precision: 'bfloat16', gradient_checkpointing: true, batch_size: 16, accumulation: 1 },
      48,
      'batch_size: 1 with accumulation: 16',
    ],
    [
      '16 bits',
      { ...recipe, precision: 'bfloat16', gradient_checkpointing: true, batch_size: 1 },
      16,
      'quantization: nf4',
    ],
  ])('is refused with what helps: %s', async (_, given, memory, helps) => {
    const refused = await refuse({ recipe: given, cluster: { ...cluster, gpu: { memory, tflops: 312 } } });
    expect(refused).toMatchObject({ code: 'memory-exceeded', exitCode: 2 });
    expect(refused.hint).toContain(helps);
    expect(refused.hint).toContain('--ignore-memory');
  });

  it('is a remark where it may fit, and where it is ignored', async () => {
    const { forecast } = await planOpenModels({ ...oneBase, cluster: small });
    const found = await forecast();
    const remarks = requireClusterMemory(found, { ignoresMemory: true });
    expect(remarks.join('\n')).toMatch(/may not fit: .* of a GPU of 24\.0 GB\. Set /);
  });

  it('is a remark where the GPU is one that was found at the address', async () => {
    const { forecast } = await planOpenModels({
      ...oneBase,
      recipe: { ...recipe, precision: 'bfloat16', gradient_checkpointing: true, batch_size: 1 },
      cluster: { ...cluster, gpu: { memory: 12, tflops: 312 } },
    });
    const remarks = requireClusterMemory(await forecast(), { ignoresMemory: false, isGpuRemembered: true });
    expect(remarks.join('\n')).toMatch(/may not fit: [^]*vLLM for [^]*cluster check found last at this address/);
  });

  it('is vLLM, too', async () => {
    const refused = await refuse({
      ...onlyMain,
      conditions: {},
      cluster: { ...cluster, gpu: { memory: 16, tflops: 312 } },
    });
    expect(refused.message).toMatch(/^vLLM for hf-qwen/);
    expect(refused.hint).toContain('gpus_per_sampler: 2');
  });
});

describe('docs/experiments/open-models.md', { timeout: 120_000 }, () => {
  it('has what driftline plan says of rows of these lengths', async () => {
    const { forecast } = await planOpenModels();
    const text = await readFile(page, 'utf8');
    for (const line of describeClusterForecast(await forecast(), null)) expect(text).toContain(line);
    for (const [rows, tokens] of Object.values(sets)) {
      expect(text).toContain(rows.toLocaleString('en'));
      expect(text).toContain(`${String(tokens)} tokens`);
    }
  });
});
