import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Adapter } from '../../engine/checkpoint/adapter.js';
import { writeAdapter, type WriteAdapterOptions } from '../../engine/checkpoint/write-adapter.js';
import { encodePrompt } from '../../engine/tokenizer/encode-chat.js';
import { encodeTrainingSet, type EncodedTrainingSet } from '../../engine/train/encode-training-set.js';
import { prepareTraining } from '../../engine/train/prepare-training.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { TrainingJob } from '../trainer.js';
import { packClosedLines } from './checked-lines.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterSettings } from './cluster-settings.js';
import type { ClusterTrainingWork } from './estimate-cluster.js';
import { divideStep } from './complete-cluster-recipe.js';
import { cellHash } from './job-ids.js';
import type { ArchiveFiles } from './zip-archive.js';

/** The mark of a cell: SHA-256 of all that decides what comes out of it. */
export function markTraining({ identity }: Pick<ClusterModel, 'identity'>, job: TrainingJob): string {
  const { rows, recipe, keepSteps = [] } = job;
  const hash = rowHashes.get(rows) ?? hashJson(rows);
  rowHashes.set(rows, hash);
  return hashJson({ v: 1, base: identity, rows: hash, recipe, keepSteps: [...keepSteps] });
}

/** Cells that differ in their seeds alone follow each other: their rows are encoded once, and no more than one set is held. */
const lastEncoded = new WeakMap<
  ClusterModel,
  { readonly rows: TrainingJob['rows']; readonly form: string; readonly encoded: EncodedTrainingSet }
>();

/** Hundreds of cells share their rows, which nobody changes. */
const rowHashes = new WeakMap<TrainingJob['rows'], string>();

export interface PreparedCell {
  readonly steps: number;
  /** For estimates: the longest row, then all of them. */
  readonly work: ClusterTrainingWork;
  /** By their names in the storage. */
  readonly files: ArchiveFiles;
}

/** What goes along of the rows, to see that both sides write conversations alike. */
const probes = 3;

/**
 * Encodes rows, and lays them down with the initial adapter in the order of the steps: driftline decides all of it, the
 * cluster executes.
 */
export async function prepareCell(
  model: ClusterModel,
  job: TrainingJob,
  settings: Pick<ClusterSettings, 'gpus_per_cell' | 'save_every' | 'keep'>,
): Promise<PreparedCell> {
  const { rows, recipe, keepSteps = [] } = job;
  const mark = markTraining(model, job);
  const home = `cells/${cellHash(mark)}/in`;
  const { tokenizer, config } = await model.readTexts();
  const chats = rows.map(({ messages }) => messages);
  const { loss, max_length, overlong } = recipe;
  const form = JSON.stringify({ loss, max_length, overlong });
  const last = lastEncoded.get(model);
  const encoded =
    last?.rows === rows && last.form === form
      ? last.encoded
      : encodeTrainingSet(tokenizer, chats, recipe, config.context);
  lastEncoded.set(model, { rows, form, encoded });
  const prepared = prepareTraining(config, recipe, encoded.rows);
  const described = {
    ...{ v: 1, mark, model: model.job },
    recipe: { ...recipe, steps: prepared.steps, keep: [...keepSteps] },
    probes: chats.slice(0, probes).flatMap((messages) => {
      const asked = messages.slice(
        0,
        messages.findIndex(({ role }) => role === 'assistant'),
      );
      return asked.length === 0
        ? []
        : [{ messages: asked.map(({ role, content }) => ({ role, content })), ids: encodePrompt(tokenizer, asked) }];
    }),
    ...divideStep(recipe, settings),
    ...{ save_every: settings.save_every, keep: settings.keep },
  };
  const lines = prepared.rows.map((row) =>
    row === null ? { ids: [0, 0], train: [0, 0] } : { ids: [...row.ids], train: row.weights.map(requireWhole) },
  );
  const sizes = prepared.rows.flatMap((row) =>
    row === null ? [] : [{ tokens: row.ids.length, trained: row.weights.filter((weight) => weight > 0).length }],
  );
  const longest = sizes.reduce((most, row) => (row.tokens > most.tokens ? row : most), { tokens: 0, trained: 0 });
  return {
    steps: prepared.steps,
    work: { config, recipe, rows: [longest, ...sizes], gpus: settings.gpus_per_cell },
    files: new Map<string, Uint8Array>([
      [`${home}/job.json`, Buffer.from(`${JSON.stringify(described)}\n`)],
      [`${home}/rows.jsonl.gz`, packClosedLines(lines)],
      ...(await listAdapterFiles(`${home}/initial`, prepared.adapter, {
        baseModel: model.text,
        baseLayers: config.layers,
      })),
    ]),
  };
}

async function listAdapterFiles(
  home: string,
  adapter: Adapter | null,
  options: WriteAdapterOptions,
): Promise<(readonly [string, Uint8Array])[]> {
  if (adapter === null) return [];
  const folder = await mkdtemp(join(tmpdir(), 'driftline-adapter-'));
  try {
    await writeAdapter(folder, adapter, options);
    const names = await readdir(folder);
    return await Promise.all(
      names.map(async (name) => [`${home}/${name}`, await readFile(join(folder, name))] as const),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function requireWhole(weight: number): number {
  if (weight === 0 || weight === 1) return weight;
  throw new DriftlineError({
    code: 'recipe-invalid',
    message: `a row has a token that counts ${String(weight)}, and the cluster trains on a token or does not`,
    hint: 'Give answers the weight 0 or 1, or train where the engine runs: leave cluster out.',
  });
}
