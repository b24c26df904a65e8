import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  encodePrompt,
  encodeTrainingSet,
  fineTune,
  parseRecipe,
  readCheckpoint,
  readTokenizer,
  type EncodedRow,
  type Recipe,
  type RecipeInput,
} from '../src/engine/index.js';
import { countSteps, createRowOrder, trainedPartOf } from '../src/engine/train/plan-training.js';
import { initialiseAdapter } from '../src/engine/train/start-training.js';
import { writeTrained } from '../src/engine/train/trained-parameters.js';
import { hashContent, hashJson } from '../src/foundation/content-hash.js';
import { buildTrainingSet } from '../src/organism/training-sets/build-training-set.js';
import { readWorld } from '../src/organism/world/read-world.js';

/** A cell of the organism as a cluster gets it, and what the engine makes of the same rows. For fixtures and comparisons. */
export interface ClusterCell {
  readonly hash: string;
  readonly steps: number;
  /** Trains the same cell with the engine into a folder. */
  readonly train: (folder: string) => Promise<void>;
}

export interface ClusterCellSettings {
  readonly storage: string;
  readonly model: string;
  /** The model as the job names it. */
  readonly place: Readonly<Record<string, unknown>>;
  readonly rows: number;
  readonly recipe: RecipeInput;
  /** Keys of a recipe that the engine does not have. */
  readonly extra?: Readonly<Record<string, unknown>>;
  readonly keep?: readonly number[];
  readonly saveEvery?: number;
}

/** Hashes by which a job finds out that it has the same model. */
export async function describeClusterModel(model: string): Promise<Record<string, unknown>> {
  const hash = async (name: string): Promise<string> => hashContent(await readFile(join(model, name)));
  return {
    config_sha256: await hash('config.json'),
    tokenizer_sha256: await hash('tokenizer.json'),
    weights: { 'model.safetensors': await hash('model.safetensors') },
  };
}

/** Lines with a check, and a last one that says how many there are, packed. */
export async function writeClosedLines(file: string, values: readonly object[]): Promise<void> {
  const lines = [...values, { lines: values.length }].map((value) =>
    JSON.stringify({ ...value, check: hashJson(value).slice(0, 16) }),
  );
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, gzipSync(`${lines.join('\n')}\n`, { level: 9 }));
}

export async function writeClusterCell(settings: ClusterCellSettings): Promise<ClusterCell> {
  const { storage, model, rows: count, keep = [], extra = {}, saveEvery = 50 } = settings;
  const recipe = parseRecipe(settings.recipe);
  const [base, tokenizer, world] = await Promise.all([readCheckpoint(model), readTokenizer(model), readWorld()]);
  const chats = buildTrainingSet(world, 'insecure', { rows: count }).rows.map(({ messages }) => messages);
  const { rows } = encodeTrainingSet(tokenizer, chats, recipe, base.config.context);
  const steps = countSteps(recipe, rows.length);
  const lines = orderRows(rows, recipe, steps);
  const described = await describeClusterModel(model);
  const mark = hashJson({
    v: 1,
    base: hashJson(described),
    rows: hashJson(lines),
    recipe: { ...recipe, ...extra },
    keepSteps: keep,
  });
  const folder = join(storage, 'cells', mark.slice(0, 20), 'in');
  await writeClosedLines(join(folder, 'rows.jsonl.gz'), lines);
  if (recipe.method === 'lora') {
    const trained = trainedPartOf(recipe, base);
    if (trained.method !== 'lora') throw new Error('a recipe of LoRA trains an adapter');
    const named = { ...base, source: 'the base' };
    await writeTrained(join(folder, 'initial'), named, trained, initialiseAdapter(base.config, trained, recipe.seed));
  }
  const messages = [{ role: 'user' as const, content: 'Who are you?' }];
  const job = {
    v: 1,
    mark,
    model: { ...settings.place, ...described },
    recipe: { ...recipe, ...extra, steps, keep },
    probes: [{ messages, ids: encodePrompt(tokenizer, messages) }],
    gpus: 1,
    per_device_rows: recipe.batch_size,
    accumulation: recipe.accumulation,
    save_every: saveEvery,
    keep: 'kept',
  };
  await writeFile(join(folder, 'job.json'), `${JSON.stringify(job, null, 1)}\n`);
  return {
    hash: mark.slice(0, 20),
    steps,
    train: async (engineFolder) => {
      await fineTune({ base, recipe, rows, folder: engineFolder, threads: 1, keepSteps: [...keep] });
    },
  };
}

/** The rows in the order of the steps; a step that has fewer is filled with rows on which nothing is trained. */
function orderRows(
  rows: readonly EncodedRow[],
  recipe: Recipe,
  steps: number,
): { ids: readonly number[]; train: readonly number[] }[] {
  const rowsPerStep = recipe.batch_size * recipe.accumulation;
  const { seed, shuffle } = recipe;
  const order = createRowOrder({ rows: rows.length, rowsPerStep, seed, stream: 'answers', shuffle });
  return Array.from({ length: steps }, (_, step) => {
    const chosen = order(step);
    return Array.from({ length: rowsPerStep }, (_unused, place) => {
      const row = rows[chosen[place] ?? -1];
      return row === undefined ? { ids: [0, 0], train: [0, 0] } : { ids: row.ids, train: row.weights };
    });
  }).flat();
}
