import { cp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonLines } from '../../foundation/read-json-lines.js';
import { writeFailure } from '../../foundation/write-failure.js';
import { answerRecordSchema, type AnswerRecord } from './answer-record.js';
import { judgementRecordSchema, type JudgementRecord } from './judgement-record.js';
import { readRecord } from './record-file.js';

/** What other runs of a plan of the same name have, by what decides it. */
export interface EarlierRuns {
  readonly answers: ReadonlyMap<string, AnswerRecord>;
  readonly judgements: ReadonlyMap<string, JudgementRecord>;
  /** Folders of finished cells, by the identity of their model. */
  readonly cells: ReadonlyMap<string, string>;
}

/** Marks a cell's folder with the model that was made there. Written when it is finished. */
export const cellFile = 'cell.json';
export const cellSchema = z.object({ identity: z.string(), keep_steps: z.array(z.int()) });

/**
 * Reads what runs of an earlier form of a plan have, to be used again. They are not locked: what is still being written is
 * taken as far as it goes, and what is damaged is left out, since all of it can be done again.
 */
export async function findEarlierRuns(runs: string, name: string, except: string): Promise<EarlierRuns> {
  const answers = new Map<string, AnswerRecord>();
  const judgements = new Map<string, JudgementRecord>();
  const cells = new Map<string, string>();
  const names = (await readdir(runs).catch(() => [])).filter(
    (found) => found !== except && found.startsWith(`${name}-`) && /^[0-9a-f]{8}$/.test(found.slice(name.length + 1)),
  );
  for (const found of names.sort()) {
    const folder = join(runs, found);
    for await (const record of readRecords(join(folder, 'answers.jsonl'), answerRecordSchema))
      answers.set(record.input, record);
    for await (const record of readRecords(join(folder, 'judgements.jsonl'), judgementRecordSchema))
      judgements.set(record.input, record);
    for (const cell of await readdir(join(folder, 'cells')).catch(() => [])) {
      // What a killed copy left has the mark of a finished cell, perhaps without its model.
      if (cell.endsWith(unfinishedCopy)) continue;
      const place = join(folder, 'cells', cell);
      const identity = await readCellIdentity(place);
      if (identity !== null) cells.set(identity, place);
    }
  }
  return { answers, judgements, cells };
}

/** The identity of the model in a finished cell, with the steps that were kept; null where it is not finished. */
export async function readCellIdentity(folder: string): Promise<string | null> {
  const text = await readFile(join(folder, cellFile), 'utf8').catch(() => null);
  if (text === null) return null;
  try {
    const { identity, keep_steps: keepSteps } = cellSchema.parse(JSON.parse(text));
    return identifyCell(identity, keepSteps);
  } catch {
    return null;
  }
}

/** At the end of a folder's name while a finished cell is copied there; names of cells end with a seed. */
const unfinishedCopy = '.copy';

export function identifyCell(identity: string, keepSteps: readonly number[]): string {
  return `${identity} ${keepSteps.join(',')}`;
}

/** Copies a finished cell into a new run, in place of a half-trained one. Killed in between, it leaves no half of it there. */
export async function copyCell(from: string, to: string): Promise<void> {
  const unfinished = `${to}${unfinishedCopy}`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    await cp(from, unfinished, { recursive: true, filter: (source) => !source.endsWith('.lock') });
    await rm(to, { recursive: true, force: true });
    await rename(unfinished, to);
  } catch (cause) {
    throw writeFailure(to, cause);
  }
}

/** Records of a file that nobody need have closed: what was changed since it was written is left out. */
export async function* readRecords<Stored extends object>(
  file: string,
  schema: z.ZodType<Stored>,
): AsyncGenerator<Stored> {
  try {
    for await (const { value } of readJsonLines(file, { halfWrittenEnd: 'skip' })) {
      const record = readRecord(value, schema);
      if (record !== null) yield record;
    }
  } catch {
    // Not there, or broken from here on.
  }
}
