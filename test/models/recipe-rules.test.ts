import { describe, expect, it, onTestFinished } from 'vitest';
import { resolveRecipe } from '../../src/experiment/plan/named-recipes.js';
import { parseRecipe, recipeSchema, type RecipeInput } from '../../src/engine/train/recipe.js';
import { hashJson } from '../../src/foundation/content-hash.js';
import { clusterSchema, notRunByUs } from '../../src/models/cluster/cluster-settings.js';
import { openBaseModel } from '../../src/models/open-base-model.js';
import { createOwnBase } from '../../src/models/own-model.js';
import { createParrot } from '../api/parrot.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { openTestCluster } from './cluster/open-test-cluster.js';

const options = { environment: {}, fetch, threads: 1 };
const folder = goldenFolder('qwen2-bias');

async function openOnCluster(gpus: object) {
  const cluster = await openTestCluster();
  onTestFinished(cluster.close);
  const settings = clusterSchema.parse({ ray: cluster.ray.address, storage: cluster.storage, ...gpus });
  return openBaseModel(folder, { ...options, cluster: () => cluster.openRun({ settings }) });
}

const places = {
  'a folder that runs here': () => openBaseModel(folder, options),
  'a folder on a cluster': () => openOnCluster({}),
  "a service's model": () => openBaseModel('openai:gpt-4o', options),
  "a caller's model": () => Promise.resolve(createOwnBase('parrot', createParrot(['a']))),
};
const openers = Object.entries(places);
const complete = async (open: () => Promise<Awaited<ReturnType<typeof openBaseModel>>>, recipe: RecipeInput) =>
  (await open()).completeRecipe?.(parseRecipe(recipe));

const lora = { method: 'lora', learning_rate: 0.1 } as const;
const full = { method: 'full', learning_rate: 0.1 } as const;

describe('every place', () => {
  it.each(openers)('leaves recipes of before as they are, and their hashes: %s', async (_, open) => {
    const base = await open();
    for (const name of ['paper', 'organism-default'] as const) {
      const recipe = resolveRecipe(name, {}, 3, 'plan');
      const completed = base.completeRecipe?.(recipe);
      expect(completed).toEqual(recipe);
      expect(hashJson(completed)).toBe(hashJson(recipe));
    }
  });

  it.each(openers)('makes one recipe of what says the same: %s', async (_, open) => {
    const said = await complete(open, { ...lora, precision: 'float32', gradient_checkpointing: false });
    expect(hashJson(said)).toBe(hashJson(parseRecipe(lora)));
  });

  it.each(openers.filter(([name]) => name !== 'a folder on a cluster'))(
    'but a cluster trains adapters in float32 alone, and says what can do more: %s',
    async (_, open) => {
      for (const [recipe, said] of [
        [full, 'the method "full" trains a whole model'],
        [{ ...lora, precision: 'bfloat16' }, 'precision: bfloat16'],
        [{ ...lora, gradient_checkpointing: true }, 'gradient_checkpointing: true'],
        [{ ...lora, quantization: 'nf4' }, 'quantization: nf4'],
      ] as const) {
        const error = await errorOf(() => complete(open, recipe));
        expect(error.code).toBe('recipe-invalid');
        expect(error.message).toContain(said);
        expect(error.hint).toContain('a plan with cluster: can');
      }
    },
  );
});

describe('a cluster', () => {
  it('says of recipes that nobody ran that nobody did', () => {
    const [adapters] = recipeSchema.options;
    const said = adapters.shape.quantization.description;
    expect(said).toContain(notRunByUs.quantization);
    expect(clusterSchema.shape.gpus_per_cell.description).toContain(notRunByUs.gpus);
  });

  const open = places['a folder on a cluster'];

  it('does all that TRL does', async () => {
    const wanted = { ...full, precision: 'bfloat16', gradient_checkpointing: true } as const;
    expect(await complete(open, wanted)).toMatchObject(wanted);
    expect(await complete(open, { ...lora, gradient_checkpointing: true })).toMatchObject({
      gradient_checkpointing: true,
    });
  });

  it('computes with a base of 4 bits in bfloat16', async () => {
    const filled = await complete(open, { ...lora, quantization: 'nf4' });
    expect(filled).toMatchObject({ quantization: 'nf4', precision: 'bfloat16' });
  });

  it.each([
    [{ ...full, optimizer: 'muon' } as const, {}, 'optimizer: muon', 'driftline/engine'],
    [{ ...lora, quantization: 'nf4', precision: 'float32' } as const, {}, 'precision is float32', 'quantization'],
    [{ ...lora, quantization: 'nf4' } as const, { gpus_per_cell: 0 }, 'gpus_per_cell is 0', 'gpus_per_cell: 1'],
    [lora, { gpus_per_cell: 3 }, '3 GPUs cannot share a step of 2 rows, 8 times', 'multiple of gpus_per_cell'],
  ])('refuses what it cannot do: %j with %j', async (recipe, gpus, said, hint) => {
    const error = await errorOf(() => complete(() => openOnCluster(gpus), recipe));
    expect(error.code).toBe('recipe-invalid');
    expect(error.message).toContain(said);
    expect(error.hint).toContain(hint);
  });

  it('divides a step among GPUs', async () => {
    expect(await complete(() => openOnCluster({ gpus_per_cell: 4 }), lora)).toEqual(parseRecipe(lora));
  });
});

describe("a caller's model", () => {
  it('may say itself what it makes of recipes', async () => {
    const open = () =>
      Promise.resolve(
        createOwnBase('mine', {
          ...createParrot(['a']),
          completeRecipe: (recipe) => ({ ...recipe, precision: 'bfloat16' }),
        }),
      );
    expect(await complete(open, full)).toMatchObject({ method: 'full', precision: 'bfloat16' });
    const broken = () =>
      Promise.resolve(
        createOwnBase('mine', {
          ...createParrot(['a']),
          // Callers without type checks exist.
          completeRecipe: (() => ({ method: 'magic' })) as never,
        }),
      );
    expect((await errorOf(() => complete(broken, lora))).message).toContain('the model mine');
  });
});
