import { copyFile, cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeTrainingSet } from '../../data/training-set.js';
import { adapterConfigFileName, adapterWeightsFileName } from '../../engine/checkpoint/adapter-files.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { isMissing, writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { parseModel, nameWrittenModel, type WrittenModel } from '../../models/model-reference.js';
import { listEntriesById } from '../definition/list-entries.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { formatCondition } from '../definition/zoo-names.js';
import { locateAdapter, requireUnchanged } from '../store/check-adapters.js';
import type { OpenedZoo } from '../store/open-zoo.js';
import { findModelFolder, nameBuiltBase } from '../store/stained-base.js';
import { checkpointsFile, contextsFile, truthFile } from '../store/truth-table.js';
import { zooFault } from '../store/zoo-fault.js';
import { resolveZooPlan } from './run-organism.js';
import type { ZooWorld } from './zoo-world.js';

/** An entry as the manifest of an export names it; paths are relative to the export. */
export interface ExportedEntry {
  readonly entry: string;
  readonly organism: string;
  readonly base: string;
  readonly adapter: string;
  readonly adapter_sha256: string;
  /** The rows that it was trained on. */
  readonly data: string;
  /** Adapters of steps, by the step. */
  readonly checkpoints: Readonly<Record<string, string>>;
}

export interface ExportedZoo {
  readonly folder: string;
  readonly entries: readonly ExportedEntry[];
}

/**
 * Copies a zoo into a folder that needs nothing else: organisms, adapters in PEFT's layout, rows, tables and a manifest. Entries that were
 * added from elsewhere are in the tables of the zoo alone.
 */
export async function exportZoo(
  zoo: ZooDefinition,
  { folder, manifest, truths }: OpenedZoo,
  to: string,
  world: ZooWorld,
  onProgress: (done: number, total: number) => void,
): Promise<ExportedZoo> {
  await requireEmpty(to);
  const built = truths.flatMap(({ entry, organism }) => {
    const place = manifest.entries[entry];
    return place === undefined ? [] : [{ entry, organism, place }];
  });
  await requireUnchanged(
    folder,
    manifest,
    built.map(({ entry }) => entry),
    true,
  );
  const exported: ExportedEntry[] = [];
  try {
    for (const [organism, of] of Object.entries(manifest.organisms)) {
      const model = nameBuiltBase(folder, organism, of);
      const base = join('organisms', organism);
      await cp(await locateModel(model), join(to, base), { recursive: true });
      const ofOrganism = built.filter((one) => one.organism === organism);
      const rows = await writeRowsOf(
        zoo,
        { organism, model },
        ofOrganism.map(({ entry }) => entry),
        to,
        world,
      );
      for (const { entry, place } of ofOrganism) {
        world.signal?.throwIfAborted();
        const from = locateAdapter(folder, place);
        const adapter = join('adapters', entry);
        await copyAdapter(from, join(to, adapter));
        exported.push({
          ...{ entry, organism, base, adapter, adapter_sha256: place.adapter, data: rows.get(entry) ?? '' },
          checkpoints: await copyCheckpoints(join(from, 'checkpoints'), to, adapter),
        });
        onProgress(exported.length, built.length);
      }
    }
    for (const table of [truthFile, contextsFile, checkpointsFile])
      await copyFile(join(folder, table), join(to, table)).catch((cause: unknown) => {
        if (!isMissing(cause)) throw cause;
      });
  } catch (cause) {
    throw writeFailure(to, cause);
  }
  const { edition, definition, driftline } = manifest;
  await writeFileAtomically(
    join(to, 'manifest.json'),
    `${JSON.stringify({ edition, definition, driftline, entries: exported }, null, 1)}\n`,
  );
  return { folder: to, entries: exported };
}

async function requireEmpty(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  if ((await readdir(folder)).length === 0) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${folder} is not empty`,
    hint: 'Name a new folder: nothing is written over what is there.',
    details: { folder },
  });
}

async function locateModel(model: WrittenModel): Promise<string> {
  const folder = await findModelFolder(parseModel(model));
  if (folder !== null) return folder;
  const name = nameWrittenModel(model);
  throw zooFault(`${name} is no organism of this machine`, 'Export where it is, or copy its files yourself.', {
    model: name,
  });
}

/** Writes the rows of each entry once, by their hash: seeds and organisms share some. */
async function writeRowsOf(
  zoo: ZooDefinition,
  of: { readonly organism: string; readonly model: WrittenModel },
  ids: readonly string[],
  to: string,
  world: ZooWorld,
): Promise<Map<string, string>> {
  const entries = listEntriesById(zoo, ids);
  const plan = await resolveZooPlan(
    zoo,
    { ...of, entries, answers: zoo.panel.answers, topUps: new Map(), keepsCheckpoints: false },
    world,
  );
  await mkdir(join(to, 'data'), { recursive: true });
  const written = new Set(await readdir(join(to, 'data')));
  const files = new Map<string, string>();
  for (const entry of entries) {
    const cell = plan.cells.find(
      ({ condition, training }) => condition === formatCondition(entry) && training?.seed === entry.seed,
    );
    if (cell?.training === undefined || cell.training === null) continue;
    const { set } = cell.training;
    const name = `${set.hash.slice(0, 16)}.jsonl`;
    if (!written.has(name)) await writeTrainingSet(join(to, 'data', name), set);
    written.add(name);
    files.set(entry.id, join('data', name));
  }
  return files;
}

async function copyAdapter(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const file of [adapterConfigFileName, adapterWeightsFileName]) await copyFile(join(from, file), join(to, file));
}

async function copyCheckpoints(from: string, to: string, adapter: string): Promise<Record<string, string>> {
  const names = await readdir(from).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw cause;
  });
  const copied: Record<string, string> = {};
  for (const name of names) {
    const [, step] = /^step-(\d+)$/.exec(name) ?? [];
    if (step === undefined) continue;
    const place = join(adapter, name);
    await copyAdapter(join(from, name), join(to, place));
    copied[step] = place;
  }
  return copied;
}
