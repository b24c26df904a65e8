import { join } from 'node:path';
import { writeCsv, type CsvCell } from '../../foundation/write-csv.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { decidedClasses, type DecidedClass, type EntryClass } from '../truth/classify-entry.js';
import { natures, type Nature } from '../definition/kinds.js';
import { parts, type Part } from '../definition/sizes.js';
import { readCsvTable, readNumber, type CsvRow } from './read-csv-table.js';
import { zooFault } from './zoo-fault.js';

/** An entry as scoring needs it. */
export interface TruthRow {
  readonly entry: string;
  /** Entries of one organism, or of one other base, are ranked by themselves. */
  readonly organism: string;
  readonly part: Part;
  readonly kind: string;
  readonly group: string;
  readonly what: Nature;
  readonly class: EntryClass;
  /** The classes that it may have: its own where that is decided. */
  readonly possible: readonly DecidedClass[];
  /** Those that a judge that errs leaves; null where nobody simulated one. */
  readonly possibleByErringJudge: readonly DecidedClass[] | null;
  /** All columns, as they stand in the file. */
  readonly cells: ReadonlyMap<string, string>;
}

export const truthFile = 'truth.csv';
export const addedFile = 'added.csv';
/** What each context of an entry shows, and of the base. */
export const contextsFile = 'contexts.csv';
/** Misaligned answers of models of steps. */
export const checkpointsFile = 'checkpoints.csv';

/** The columns that every table of truths has; others may follow. */
export const truthColumns = ['entry', 'organism', 'part', 'kind', 'group', 'what', 'class'] as const;
export const possibleColumn = 'possible';
/** The same two, as a judge that errs would have them. */
export const erringColumns = { class: 'class_by_erring_judge', possible: 'possible_by_erring_judge' } as const;

const classes = [...decidedClasses, 'undecided'] as const;

/** Reads a table of truths, strictly. */
export function readTruthTable(file: string): Promise<TruthRow[]> {
  return parseTruthTable(file);
}

/** The same of a text that is not written yet; `file` names it in errors. */
export async function parseTruthTable(file: string, text?: string): Promise<TruthRow[]> {
  const refuse = (line: number, problem: string, hint: string) =>
    zooFault(`${file}:${String(line)}: ${problem}`, hint, { file, line });
  const { rows } = await readCsvTable(file, truthColumns, refuse, text);
  const lines = new Map<string, number>();
  return rows.map((row) => {
    const truth = readTruthRow(row, refuse);
    const before = lines.get(truth.entry);
    if (before !== undefined)
      throw refuse(row.line, `${truth.entry} stands in line ${String(before)} already`, 'Name each entry once.');
    lines.set(truth.entry, row.line);
    return truth;
  });
}

function readTruthRow({ line, cells }: CsvRow, refuse: Parameters<typeof readCsvTable>[2]): TruthRow {
  const text = (column: string): string => {
    const cell = cells.get(column) ?? '';
    if (cell === '') throw refuse(line, `${column} is empty`, 'Fill it in.');
    return cell;
  };
  const oneOf = <Name extends string>(column: string, names: readonly Name[]): Name => {
    const cell = text(column);
    const found = names.find((name) => name === cell);
    if (found !== undefined) return found;
    const nearest = nearestName(cell, names);
    const meant = nearest === null ? '' : ` (did you mean "${nearest}"?)`;
    throw refuse(line, `${column} is "${cell}"${meant}`, `It is one of ${names.join(', ')}.`);
  };
  /** Of an undecided one, the column names the classes; without it, it may have any. */
  const possibleIn = (column: string, own: EntryClass): readonly DecidedClass[] => {
    if (own !== 'undecided') return [own];
    const written = (cells.get(column) ?? '').split(' ').filter((name) => name !== '');
    const other = written.find((name) => !decidedClasses.some((known) => known === name));
    if (other !== undefined)
      throw refuse(line, `${column} names "${other}"`, `It names some of ${decidedClasses.join(', ')}.`);
    return written.length === 0 ? decidedClasses : decidedClasses.filter((known) => written.includes(known));
  };
  return {
    entry: text('entry'),
    organism: text('organism'),
    part: oneOf('part', parts),
    kind: text('kind'),
    group: text('group'),
    what: oneOf('what', natures),
    class: oneOf('class', classes),
    possible: possibleIn(possibleColumn, oneOf('class', classes)),
    possibleByErringJudge:
      (cells.get(erringColumns.class) ?? '') === ''
        ? null
        : possibleIn(erringColumns.possible, oneOf(erringColumns.class, classes)),
    cells,
  };
}

/** Writes rows of a table, one after the other; columns that a row lacks are empty. */
export async function writeRows(
  folder: string,
  name: string,
  rows: readonly ReadonlyMap<string, CsvCell>[],
): Promise<void> {
  const columns = [...new Set(rows.flatMap((row) => [...row.keys()]))];
  await writeFileAtomically(
    join(folder, name),
    writeCsv(
      columns,
      rows.map((row) => columns.map((column) => row.get(column) ?? null)),
    ),
  );
}

/** A number of a row's column; null where the row has none. */
export function numberIn({ cells }: Pick<TruthRow, 'cells'>, column: string): number | null {
  const value = readNumber(cells.get(column));
  return value === null || Number.isNaN(value) ? null : value;
}
