import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { z } from 'zod';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import { readSafetensors } from '../../engine/checkpoint/read-safetensors.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { readCheckedLine } from './checked-lines.js';

/** What a job found inside a model, by the numbers of its requests. */
export interface FoundInside {
  readonly tensors: ReadonlyMap<string, FloatTensor>;
  readonly lines: ReadonlyMap<string, unknown>;
}

/** Files that it leaves. */
export const [tensorsName, linesName] = ['result.safetensors', 'scores.jsonl'];

/** Reads both files. */
export async function readFoundInside(files: {
  readonly tensors: Uint8Array;
  readonly lines: Uint8Array;
}): Promise<FoundInside> {
  return { tensors: await unpack(files.tensors), lines: readLines(files.lines) };
}

async function unpack(bytes: Uint8Array): Promise<ReadonlyMap<string, FloatTensor>> {
  const folder = await mkdtemp(join(tmpdir(), 'driftline-inside-'));
  try {
    const file = join(folder, tensorsName);
    await writeFile(file, bytes);
    return await readSafetensors(file, 'checkpoint-invalid');
  } catch (cause) {
    throw damaged(tensorsName, cause instanceof Error ? cause.message : String(cause));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readLines(bytes: Uint8Array): ReadonlyMap<string, unknown> {
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  return new Map(
    lines.flatMap((text) => {
      const line = text === '' ? null : readCheckedLine(text);
      return line === null ? [] : [[String(line['id']), line] as const];
    }),
  );
}

/** A tensor that was asked for, of the wanted shape. */
export function takeTensor(
  { tensors }: FoundInside,
  name: string,
  shapeOf: (tokens: number) => number[],
  tokens: number,
): FloatTensor {
  const tensor = tensors.get(name);
  const wanted = shapeOf(tokens).join(', ');
  if (tensor?.shape.join(', ') === wanted) return tensor;
  throw damaged(name, tensor === undefined ? 'it is not there' : `it is [${tensor.shape.join(', ')}], not [${wanted}]`);
}

/** A line that was asked for. */
export function takeLine<Line>({ lines }: FoundInside, id: string, schema: z.ZodType<Line>): Line {
  const parsed = schema.safeParse(lines.get(id));
  if (parsed.success) return parsed.data;
  throw damaged(`${linesName}: ${id}`, lines.has(id) ? 'it is not what was asked for' : 'it is not there');
}

function damaged(what: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'cluster-answers-damaged',
    message: `${what} came back damaged: ${problem}`,
    hint: 'Remove the folder inside/ of that run in the storage of the cluster, and ask again.',
    details: { what },
  });
}
