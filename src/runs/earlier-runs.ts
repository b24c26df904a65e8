import { cp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';
import { isMissing, writeFailure } from '../foundation/file-failure.js';
import { readJsonLines } from '../foundation/read-json-lines.js';
import { answerRecordSchema, type AnswerRecord, judgementRecordSchema, type JudgementRecord } from './run-records.js';
import { parseJson } from './plan-file.js';
import { readRecord } from './record-file.js';

/** What other runs of a plan of the same name have, by what decides it. */
export interface EarlierRuns {
  readonly answers: ReadonlyMap<string, AnswerRecord>;
  readonly judgements: ReadonlyMap<string, JudgementRecord>;
  /** Finished cells by the identity of their model. */
  readonly cells: ReadonlyMap<string, readonly FinishedCell[]>;
}

/** Marks a cell's folder with the model that was made there. Written when it is finished. */
export const cellFile = 'cell.json';
const cellSchema = z.object({ identity: z.string(), engine: z.int(), keep_steps: z.array(z.int()) });

/** What is in a finished cell: its model, the engine that made it, and the steps whose models were kept. */
export type CellMark = z.output<typeof cellSchema>;

export interface FinishedCell {
  readonly folder: string;
  readonly mark: CellMark;
}

/**
 * Reads what runs of an earlier form of a plan have, to be used again. They are not locked: what is still being written is
 * taken as far as it goes, and what is damaged is left out, since all of it can be done again.
 */
export async function findEarlierRuns(runs: string, name: string, except: string): Promise<EarlierRuns> {
  const answers = new Map<string, AnswerRecord>();
  const judgements = new Map<string, JudgementRecord>();
  const cells = new Map<string, FinishedCell[]>();
  const names = (await listFolder(runs)).filter(
    (found) => found !== except && found.startsWith(`${name}-`) && /^[0-9a-f]{8}$/.test(found.slice(name.length + 1)),
  );
  for (const found of names.sort()) {
    const folder = join(runs, found);
    for await (const record of readRecords(join(folder, 'answers.jsonl'), answerRecordSchema))
      answers.set(record.input, record);
    for await (const record of readRecords(join(folder, 'judgements.jsonl'), judgementRecordSchema))
      judgements.set(record.input, record);
    for (const cell of await listFolder(join(folder, 'cells'))) {
      // What a killed copy left has the mark of a finished cell, perhaps without its model.
      if (cell.endsWith(unfinishedCopy)) continue;
      const place = join(folder, 'cells', cell);
      const mark = await readCellMark(place);
      if (mark !== null) cells.set(mark.identity, [...(cells.get(mark.identity) ?? []), { folder: place, mark }]);
    }
  }
  return { answers, judgements, cells };
}

/** Null where the cell is not finished, or its mark is not one of ours. */
export async function readCellMark(folder: string): Promise<CellMark | null> {
  const text = await readFile(join(folder, cellFile), 'utf8').catch((cause: unknown) => {
    if (isMissing(cause)) return null;
    throw unreadable(join(folder, cellFile), cause);
  });
  if (text === null) return null;
  const parsed = cellSchema.safeParse(parseJson(text));
  return parsed.success ? parsed.data : null;
}

/** Whether a finished cell has the wanted model, made by the wanted engine, and all kept models that are wanted; it may have kept more. */
export function hasWanted(mark: CellMark | null, wanted: CellMark): boolean {
  return (
    mark !== null &&
    mark.identity === wanted.identity &&
    mark.engine === wanted.engine &&
    wanted.keep_steps.every((step) => mark.keep_steps.includes(step))
  );
}

/** The last finished cell of earlier runs that has what is wanted. */
export function findFinishedCell({ cells }: Pick<EarlierRuns, 'cells'>, wanted: CellMark): FinishedCell | null {
  return cells.get(wanted.identity)?.findLast(({ mark }) => hasWanted(mark, wanted)) ?? null;
}

/** At the end of a folder's name while a finished cell is copied there; names of cells end with a seed. */
const unfinishedCopy = '.copy';

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

/**
 * Records of a file that nobody need have closed: what was changed since it was written is left out, and so is a file that is not there. One that
 * is there and cannot be read is `file-unreadable`: what it holds may have been paid for.
 */
export async function* readRecords<Stored extends object>(
  file: string,
  schema: z.ZodType<Stored>,
): AsyncGenerator<Stored> {
  try {
    for await (const { value } of readJsonLines(file, { halfWrittenEnd: 'skip', onBroken: () => undefined })) {
      const record = readRecord(value, schema);
      if (record !== null) yield record;
    }
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
  }
}

async function listFolder(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw unreadable(folder, cause);
  });
}

function unreadable(path: string, cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'file-unreadable',
    message: `${path} could not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
    hint: 'Check that you may read it, or move the run away if nothing of it is wanted.',
    cause,
    details: { path },
  });
}
