import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatMemory } from '../../foundation/format-quantities.js';
import { readFault } from './read-fault.js';

export const adapterConfigFileName = 'adapter_config.json';
export const adapterWeightsFileName = 'adapter_model.safetensors';

const pickleName = /\.(bin|pt|pth|ckpt|pkl|pickle)$/i;

/** What transformers' and PEFT's trainers leave beside an adapter to go on with; nobody who loads an adapter reads it. */
const leftByTrainer = /^(optimizer|scheduler|scaler)\.(pt|bin)$|^rng_state(_\d+)?\.pth$|^training_args\.bin$/;

/** The files that make an adapter, found and not yet read. */
interface AdapterFiles {
  readonly config: string;
  readonly weights: string;
  /** Bytes of the weights. */
  readonly size: number;
}

/** Bytes of a configuration; that of a model of 400 blocks which lists each matrix has a tenth of it. */
const largestConfig = 2 ** 21;

/**
 * Finds configuration and weights of an adapter's folder. Adapters come from strangers: what leads out of the folder, is no file, is a
 * pickle, or is too large for a configuration, is `adapter-invalid` before a byte of it is read.
 */
export async function findAdapterFiles(folder: string): Promise<AdapterFiles> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw readFault(error, folder, 'adapter-invalid');
  });
  const config = await requireOwnFile(folder, adapterConfigFileName);
  if (config.size > largestConfig)
    throw refuseAdapter(
      config.path,
      `has ${formatMemory(config.size)}, and a configuration at most ${formatMemory(largestConfig)}: it is not read`,
      'Download or copy the adapter again.',
    );
  const pickle = names.find((name) => pickleName.test(name));
  if (!names.includes(adapterWeightsFileName) && pickle !== undefined)
    throw refuseAdapter(
      folder,
      `cannot be used: its weights are only in ${pickle}, a pickle file: reading one can run any code, so the engine does not`,
      'If you trust the adapter, load it with PEFT and save it again, which writes safetensors.',
    );
  const { path: weights, size } = await requireOwnFile(folder, adapterWeightsFileName);
  return { config: config.path, weights, size };
}

/**
 * As `findAdapterFiles`, for a server that reads what it likes of the folder: each of its files must be its own, and none a pickle that a
 * server may read, such as `new_embeddings.bin`.
 */
export async function findServedAdapterFiles(folder: string): Promise<AdapterFiles> {
  const files = await findAdapterFiles(folder);
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw readFault(error, folder, 'adapter-invalid');
  });
  for (const entry of entries) {
    // Checkpoints of a training lie below its last one.
    if (!entry.isDirectory()) await requireOwnFile(folder, entry.name);
    if (pickleName.test(entry.name) && !leftByTrainer.test(entry.name))
      throw refuseAdapter(
        folder,
        `cannot be used: it has ${entry.name}, a pickle file, which a server may read: reading one can run any code`,
        `Take ${entry.name} out of the folder. If the adapter needs it, load it with PEFT and save it again, which writes safetensors.`,
      );
  }
  return files;
}

/** A file of an adapter's folder, for reading: what leads out of the folder is `adapter-invalid`. */
export async function requireOwnFile(
  folder: string,
  name: string,
): Promise<{ readonly path: string; readonly size: number }> {
  const path = join(folder, name);
  const [home, real] = await Promise.all([realpath(folder), realpath(path)]).catch((error: unknown) => {
    throw readFault(error, path, 'adapter-invalid');
  });
  if (!isInside(home, real) && !isInHubCache(home, real))
    throw refuseAdapter(path, `leads out of the folder, to ${real}`, 'If you trust it, put the file itself there.');
  const found = await stat(real).catch((error: unknown) => {
    throw readFault(error, path, 'adapter-invalid');
  });
  if (!found.isFile()) throw refuseAdapter(path, 'is not a file', 'Download or copy the adapter again.');
  return { path, size: found.size };
}

function isInside(home: string, real: string): boolean {
  const way = relative(home, real);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The hub's cache keeps the files below `snapshots/REVISION` in `blobs` beside `snapshots`. */
function isInHubCache(home: string, real: string): boolean {
  const [, cache] = /^(.*)[\\/]snapshots[\\/]/.exec(join(home, sep)) ?? [];
  return cache !== undefined && dirname(real) === join(cache, 'blobs');
}

export function refuseAdapter(
  path: string,
  problem: string,
  hint: string,
  details: Readonly<Record<string, unknown>> = {},
): DriftlineError {
  return new DriftlineError({
    code: 'adapter-invalid',
    message: `the adapter ${path} ${problem}`,
    hint,
    details: { folder: path, ...details },
  });
}
