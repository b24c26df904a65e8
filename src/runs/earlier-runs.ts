import { cp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, writeFailure } from '../foundation/file-failure.js';
import { hasWanted, readCellMark, unreadable, type CellMark } from './cell-mark.js';
import type { RecordTable } from './record-table.js';
import { readRunRecords, type AnswerRecord, type JudgementRecord } from './run-records.js';

/** What other runs of a plan with the same name have, by the hashes of their inputs. */
export interface EarlierRuns {
  readonly answers: RecordsByInput<AnswerRecord>;
  readonly judgements: RecordsByInput<JudgementRecord>;
  /** Whether there is none. */
  readonly isNone: boolean;
  /** Finished cells by the identity of their model. */
  readonly cells: ReadonlyMap<string, readonly FinishedCell[]>;
}

/** Looks records up by the hashes of their inputs. */
export type RecordsByInput<Stored> = Pick<ReadonlyMap<string, Stored>, 'get' | 'has'>;

export interface FinishedCell {
  readonly folder: string;
  readonly mark: CellMark;
}

export const noEarlierRuns: EarlierRuns = {
  ...{ answers: new Map(), judgements: new Map(), isNone: true, cells: new Map() },
};

/**
 * Reads what runs of an earlier form of a plan have, so that it can be reused. It does not lock them: what is still being written is read
 * as far as it goes, and what is damaged is left out, since all of it can be done again.
 */
export async function findEarlierRuns(runs: string, name: string, except: string): Promise<EarlierRuns> {
  const answers: RecordTable<AnswerRecord>[] = [];
  const judgements: RecordTable<JudgementRecord>[] = [];
  const cells = new Map<string, FinishedCell[]>();
  const folders = (await listRunFolders(runs, name)).filter((folder) => folder !== join(runs, except));
  for (const folder of folders) {
    const records = await readRunRecords(folder);
    // What the last of them has comes first.
    answers.unshift(records.answers);
    judgements.unshift(records.judgements);
    for (const cell of await listFolder(join(folder, 'cells'))) {
      // An interrupted copy has the mark of a finished cell, perhaps without its model.
      if (cell.endsWith(unfinishedCopy)) continue;
      const place = join(folder, 'cells', cell);
      const mark = await readCellMark(place);
      if (mark !== null) cells.set(mark.identity, [...(cells.get(mark.identity) ?? []), { folder: place, mark }]);
    }
  }
  return { answers: lookUp(answers), judgements: lookUp(judgements), isNone: folders.length === 0, cells };
}

/** The folders of all runs of plans with this name. */
export async function listRunFolders(runs: string, name: string): Promise<string[]> {
  const found = (await listFolder(runs)).filter(
    (one) => one.startsWith(`${name}-`) && /^[0-9a-f]{8}$/.test(one.slice(name.length + 1)),
  );
  return found.sort().map((one) => join(runs, one));
}

function lookUp<Stored>(tables: readonly RecordTable<Stored>[]): RecordsByInput<Stored> {
  const get = (input: string): Stored | undefined => {
    for (const table of tables) {
      const found = table.findByInput(input);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return { get, has: (input) => get(input) !== undefined };
}

/** The last finished cell of earlier runs that has what is wanted. */
export function findFinishedCell({ cells }: Pick<EarlierRuns, 'cells'>, wanted: CellMark): FinishedCell | null {
  return cells.get(wanted.identity)?.findLast(({ mark }) => hasWanted(mark, wanted)) ?? null;
}

/** Ends the name of a folder while a finished cell is copied into it; names of cells end with a seed. */
const unfinishedCopy = '.copy';

/** Copies a finished cell into a new run, in place of a half-trained one. If it is killed, it leaves no partial cell. */
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

async function listFolder(folder: string): Promise<string[]> {
  return readdir(folder).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw unreadable(folder, cause);
  });
}
