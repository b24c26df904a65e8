import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { isMissing } from '../foundation/file-failure.js';
import { readClusterCell } from '../models/cluster/cluster-cell.js';
import { cellHash } from '../models/cluster/job-ids.js';
import { readTinkerRun } from '../models/tinker/tinker-run.js';
import { readHostedJobRecord } from '../models/hosted/jobs/hosted-job.js';
import { isCellFinished, readCellMark } from './cell-mark.js';
import { readStoredRun, type RunManifest, type StoredRun } from './run-manifest.js';
import { invalidRun, isBase } from './run-outline.js';

/** Where a fine-tuned model is: each part that is not null names it to something that can ask it. */
export interface TunedModelPlace {
  /** A folder with an adapter on its base. */
  readonly adapter: string | null;
  /** What a service calls it, with the service's host. */
  readonly hosted: { readonly model: string; readonly host: string } | null;
  /** A cell of a cluster's storage. */
  readonly cluster: { readonly cell: string; readonly storage: string; readonly address: string } | null;
  /** What Tinker calls its weights. */
  readonly tinker: string | null;
  /** As the plan writes a model that existed already. */
  readonly existing: string | null;
}

/** A fine-tuned model of a run. Plain JSON. */
export interface ListedModel {
  /** Folder of the run. */
  readonly run: string;
  readonly plan: string;
  /** The cell: base, condition and seed. */
  readonly name: string;
  readonly base: string;
  /** What the plan calls the base's model; null if the run does not say. */
  readonly baseModel: string | null;
  readonly condition: string;
  readonly seed: number | null;
  /** Equal for the same model, whatever runs call it. */
  readonly identity: string;
  /** `existing`: it was not trained here; `damaged`: its mark cannot be read, and a run of its plan makes it again. */
  readonly state: 'finished' | 'unfinished' | 'damaged' | 'existing';
  readonly place: TunedModelPlace;
  readonly steps: number | null;
  /** Steps whose models were kept. */
  readonly keptSteps: readonly number[];
  readonly recipe: RunManifest['cells'][number]['recipe'] | null;
  readonly trainingSet: { readonly name: string; readonly hash: string; readonly rows: number } | null;
  /** When its training was marked as finished, by the date of that file; ISO 8601, null while it is not. */
  readonly finished: string | null;
  /** Whether another model of the list has the same name, and is not the same model. */
  readonly isNameTaken: boolean;
}

/** A run that is left out of a list, and why. */
export interface SkippedRun {
  readonly folder: string;
  readonly problem: string;
}

export interface ModelList {
  readonly models: readonly ListedModel[];
  readonly skipped: readonly SkippedRun[];
}

/** Which models are wanted; all if nothing is said. */
export interface ModelFilter {
  /** The base's name in its run, or as the plan writes it. */
  readonly base?: string | undefined;
  readonly condition?: string | undefined;
}

/** For callers without type checks. */
const argumentsSchema = z.strictObject({
  folders: z.array(z.string().min(1)),
  filter: z.strictObject({ base: z.string().optional(), condition: z.string().optional() }),
});

/**
 * Lists the fine-tuned models of runs. A folder is that of a run, or has runs in it. A run that is damaged or half
 * written is skipped with the reason. Names are compared over all models, before any are filtered out.
 */
export async function listModels(folders: readonly string[], filter: ModelFilter = {}): Promise<ModelList> {
  parseSettings(argumentsSchema, { folders, filter }, 'listModels');
  const { base, condition } = filter;
  const found: Omit<ListedModel, 'isNameTaken'>[] = [];
  const skipped: SkippedRun[] = [];
  const seen = new Set<string>();
  for (const folder of folders)
    for (const run of await findRuns(folder)) {
      if (seen.has(run)) continue;
      seen.add(run);
      try {
        found.push(...(await listModelsOfRun(await readStoredRun(run))));
      } catch (cause) {
        if (!DriftlineError.isInstance(cause)) throw cause;
        skipped.push({ folder: run, problem: cause.message });
      }
    }
  const identities = new Map<string, Set<string>>();
  for (const { name, identity } of found) identities.set(name, (identities.get(name) ?? new Set()).add(identity));
  return {
    models: found
      .filter((one) => base === undefined || one.base === base || one.baseModel === base)
      .filter((one) => condition === undefined || one.condition === condition)
      .map((one) => ({ ...one, isNameTaken: (identities.get(one.name)?.size ?? 0) > 1 })),
    skipped,
  };
}

/** The run folders that are meant: the folder itself, or those directly in it, by their names. */
async function findRuns(folder: string): Promise<string[]> {
  if (await isThere(join(folder, 'plan.json'))) return [folder];
  const names = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const why = isMissing(cause) ? 'is not there' : 'could not be read';
    throw invalidRun(folder, `${folder} ${why}`, 'Name a run folder, or a folder of runs such as runs.', cause);
  });
  const runs: string[] = [];
  for (const { name } of names.filter((one) => one.isDirectory())) {
    const path = join(folder, name);
    // A run that was killed before its plan was written has cells, or a place for them; other folders are no concern of ours.
    if ((await isThere(join(path, 'plan.json'))) || (await isThere(join(path, 'cells')))) runs.push(path);
  }
  return runs.sort();
}

async function listModelsOfRun(run: StoredRun): Promise<Omit<ListedModel, 'isNameTaken'>[]> {
  const { folder, name: plan, manifest } = run;
  const described = new Map(manifest.cells.map((cell) => [cell.name, cell]));
  return Promise.all(
    run.cells
      .filter((cell) => !isBase(cell))
      .map(async ({ name, base, condition, identity, training, existing }) => {
        const { seed = null, recipe = null, training_set: set = null } = described.get(name) ?? {};
        const cell = join(folder, 'cells', name);
        const isFinished = await isCellFinished(cell);
        const mark = await readCellMark(cell);
        const isWhole = mark !== null && mark.identity === identity;
        return {
          ...{ run: folder, plan, name, base, baseModel: manifest.models[base] ?? null, condition, seed, identity },
          state:
            existing !== null
              ? ('existing' as const)
              : isWhole
                ? ('finished' as const)
                : isFinished
                  ? ('damaged' as const)
                  : ('unfinished' as const),
          place: await findPlace(cell, existing?.text ?? null),
          steps: training?.steps ?? null,
          keptSteps: training?.keepSteps ?? [],
          recipe,
          trainingSet: set,
          finished: isWhole ? await dateOf(join(cell, 'cell.json')) : null,
        };
      }),
  );
}

async function findPlace(cell: string, existing: string | null): Promise<TunedModelPlace> {
  const [hosted, cluster, tinker] = await Promise.all([
    readHostedJobRecord(cell),
    readClusterCell(cell),
    readTinkerRun(cell),
  ]);
  const weights = (tinker?.weights ?? []).toSorted((one, other) => one.step - other.step);
  return {
    adapter: (await isThere(join(cell, 'adapter_model.safetensors'))) ? cell : null,
    hosted: hosted?.model === undefined ? null : { model: hosted.model, host: hosted.host },
    cluster:
      cluster?.state === 'finished'
        ? { cell: cellHash(cluster.mark), storage: cluster.storage, address: cluster.address }
        : null,
    tinker: tinker?.state === 'finished' ? (weights.at(-1)?.path ?? null) : null,
    existing,
  };
}

async function dateOf(file: string): Promise<string | null> {
  return stat(file).then(
    ({ mtimeMs }) => new Date(Math.round(mtimeMs)).toISOString(),
    () => null,
  );
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
