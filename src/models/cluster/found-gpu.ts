import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readOwnJson } from '../../foundation/read-own-json.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';

type Environment = Readonly<Record<string, string | undefined>>;

const gpuSchema = z.object({
  name: z.string(),
  /** GB. */
  memory: z.number().positive(),
  /** 10^12 operations a second in bfloat16, as its maker says; absent for one that driftline does not know. */
  tflops: z.number().positive().optional(),
});

/** A GPU of a cluster, for estimates. */
export type FoundGpu = z.output<typeof gpuSchema>;

const fileSchema = z.object({ v: z.literal(1), gpus: z.record(z.string(), gpuSchema) });

/** Dense bfloat16 by the data sheets of their maker, by a part of the name that CUDA gives them; the first that fits counts. */
const knownSpeeds: readonly (readonly [RegExp, number])[] = [
  [/H200/, 989],
  [/H100.*PCIe/, 756],
  [/H100.*NVL/, 835],
  [/H100/, 989],
  [/A100/, 312],
  [/L40S/, 362],
  [/\bL4\b/, 121],
  [/\bA10\b/, 125],
];

/** A GPU by what CUDA says of it. */
export function describeGpu(name: string, bytes: number): FoundGpu {
  const tflops = knownSpeeds.find(([pattern]) => pattern.test(name))?.[1];
  return { name, memory: Math.round(bytes / 1e9), ...(tflops === undefined ? {} : { tflops }) };
}

/** The GPU that `driftline cluster check` found last at an address; null where it found none. */
export async function recallGpu(environment: Environment, address: string): Promise<FoundGpu | null> {
  const file = locateFile(environment);
  const found = file === null ? null : await readOwnJson(file, fileSchema);
  const key = new URL(address).origin;
  return found !== null && Object.hasOwn(found.gpus, key) ? (found.gpus[key] ?? null) : null;
}

/** Remembers a GPU for estimates, in the user's cache. */
export async function rememberGpu(environment: Environment, address: string, gpu: FoundGpu): Promise<void> {
  const file = locateFile(environment);
  if (file === null) return;
  const gpus = (await readOwnJson(file, fileSchema))?.gpus ?? {};
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomically(
    file,
    `${JSON.stringify({ v: 1, gpus: { ...gpus, [new URL(address).origin]: gpu } }, null, 2)}\n`,
  );
}

/** Null where the environment names no home: whoever passes such a one does not mean that of the process. */
function locateFile({ XDG_CACHE_HOME: given = '', HOME, USERPROFILE }: Environment): string | null {
  const home = HOME ?? USERPROFILE;
  const cache = given.trim() !== '' ? given.trim() : home === undefined ? null : join(home, '.cache');
  return cache === null ? null : join(cache, 'driftline', 'cluster-gpus.json');
}
