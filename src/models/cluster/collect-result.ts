import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { hashContent } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import type { WayBack } from './way-back.js';
import { readZip } from './zip-archive.js';

const fileSchema = z.looseObject({ sha256: z.string(), bytes: z.int().nonnegative() });

const doneSchema = z.looseObject({
  mark: z.string(),
  /** Of a cell. */
  steps: z.int().nonnegative().default(0),
  files: z.record(z.string(), fileSchema),
  /** Files beside the archive, whole models above all. */
  apart: z.array(z.string()).default([]),
  /** Of all attempts; null where none was counted. */
  gpu_seconds: z.number().nonnegative().nullish(),
});

/** What a cell says when it is done. */
export type DoneCell = z.output<typeof doneSchema>;

const archiveName = 'result.zip';
/** The log of a fine-tune, here and in the storage. */
export const logFile = 'training.jsonl';
const attempts = 3;

/** What a cell left when it was done; null where it is not, or what is there is another's. */
export async function readDone(
  wayBack: WayBack,
  cell: string,
  mark: string,
  signal?: AbortSignal,
): Promise<DoneCell | null> {
  return readDoneIn(wayBack, `cells/${cell}/out`, mark, signal);
}

/** The same of any work that leaves `done.json` in a folder of the storage. */
export async function readDoneIn(
  wayBack: WayBack,
  home: string,
  mark: string,
  signal?: AbortSignal,
): Promise<DoneCell | null> {
  const bytes = await wayBack.read(`${home}/done.json`, { purpose: 'done', signal });
  if (bytes === null) return null;
  try {
    const done = doneSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return done.mark === mark ? done : null;
  } catch {
    return null;
  }
}

/** Where a file of the result belongs in the folder of a cell; null for what is not kept here. */
function placeOf(name: string, keepSteps: readonly number[]): string | null {
  if (name === logFile || /^(adapter_config\.json|adapter_model\.safetensors|measured\.json)$/.test(name)) return name;
  const [, step, file = ''] = /^kept-(\d+)\/(adapter_config\.json|adapter_model\.safetensors)$/.exec(name) ?? [];
  return step !== undefined && keepSteps.includes(Number(step)) ? join('checkpoints', `step-${step}`, file) : null;
}

/**
 * Brings the result of a finished cell into its folder: adapter, kept adapters and log. Each file must have the hash
 * that the cell wrote down; what came damaged is fetched again.
 */
export async function collectResult(
  wayBack: WayBack,
  cell: string,
  done: DoneCell,
  {
    folder,
    keepSteps,
    signal,
  }: { readonly folder: string; readonly keepSteps: readonly number[]; readonly signal?: AbortSignal },
  /** Lets go of the log, which comes along. */
  beforeWriting: () => Promise<void>,
): Promise<void> {
  const home = `cells/${cell}/out`;
  const fetchWhole = (name: string): Promise<Uint8Array> =>
    readWhole(wayBack, `${home}/${name}`, done.files[name], signal);
  const unpacked = readZip(await fetchWhole(archiveName), `${home}/${archiveName}`);
  for (const [name, bytes] of unpacked) {
    const problem = findDamage(bytes, done.files[name]);
    if (problem !== null) throw damaged(`${home}/${archiveName}: ${name}`, problem);
  }
  const files = new Map(unpacked);
  for (const name of done.apart) if (placeOf(name, keepSteps) !== null) files.set(name, await fetchWhole(name));
  await beforeWriting();
  // The configuration last: a folder without it is no whole adapter.
  const ordered = [...files].sort(
    ([left], [right]) => Number(/config\.json$/.test(left)) - Number(/config\.json$/.test(right)),
  );
  for (const [name, bytes] of ordered) {
    const place = placeOf(name, keepSteps);
    if (place === null) continue;
    const path = join(folder, place);
    await mkdir(dirname(path), { recursive: true }).catch((cause: unknown) => {
      throw writeFailure(path, cause);
    });
    await writeFileAtomically(path, bytes);
  }
}

/** A file of the storage with the hash that was written down of it; what comes damaged is fetched again. */
export async function readWhole(
  wayBack: WayBack,
  file: string,
  wanted: z.output<typeof fileSchema> | undefined,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt += 1) {
    const bytes = await wayBack.read(file, { purpose: 'done', signal });
    const problem = bytes === null ? 'it is not there' : findDamage(bytes, wanted);
    if (bytes !== null && problem === null) return bytes;
    if (attempt === attempts) throw damaged(file, problem ?? 'it is not there');
  }
}

function findDamage(bytes: Uint8Array, wanted: z.output<typeof fileSchema> | undefined): string | null {
  if (wanted === undefined) return 'the cell did not say that it has it';
  if (bytes.length !== wanted.bytes)
    return `it has ${String(bytes.length)} bytes, and should have ${String(wanted.bytes)}`;
  return hashContent(bytes) === wanted.sha256 ? null : 'its bytes are not those that were written';
}

function damaged(file: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'cluster-answers-damaged',
    message: `${file} came back damaged: ${problem}`,
    hint: 'Run the same command again. If it comes again, remove the folder of that cell in the storage of the cluster: it is trained anew.',
    details: { file },
  });
}
