import { basename } from 'node:path';
import { noRows } from '../../data/read-training-set.js';
import { describeFault, hasLines, openTrainingFile } from '../../data/read-training-file.js';
import type { RowFault } from '../../data/read-tables.js';
import { recogniseReleasedSet } from '../../data/released-sets.js';
import type { TrainingFileForm } from '../../data/training-formats.js';
import { createTrainingSet, type TrainingRow, type TrainingSet } from '../../data/training-set.js';
import { DriftlineError } from '../../foundation/driftline-error.js';

/** Rows that are screened, with the numbers that people know them by. */
export interface ScreenedRows {
  /** What they are called: a file as it was typed, or a set by its name. */
  readonly name: string;
  /** Short, for the name of a folder. */
  readonly title: string;
  readonly rows: readonly TrainingRow[];
  /** Of each row the line of the file, or its place from 1 where there are no lines. */
  readonly numbers: readonly number[];
  readonly unit: 'line' | 'row';
  /** Of the rows, as training sets have it. */
  readonly hash: string;
  /** Of the file; null for rows of no file. */
  readonly sha256: string | null;
  readonly releasedSet: string | null;
}

/** Reads a training file to its end. Lines that are no rows are refused together, and so is a file without any. */
export async function readScreenedRows(path: string, form: TrainingFileForm = {}): Promise<ScreenedRows> {
  const file = await openTrainingFile(path, form);
  const [rows, numbers]: [TrainingRow[], number[]] = [[], []];
  const faults: (RowFault & { readonly line: number })[] = [];
  for await (const { line, content } of file.lines()) {
    if (content.kind === 'empty') continue;
    if (content.kind === 'fault') {
      faults.push({ line, ...content });
      continue;
    }
    rows.push(content.row);
    numbers.push(line);
  }
  const unit = hasLines(file.container) ? 'line' : 'row';
  const [first] = faults;
  if (first !== undefined)
    throw refuse(path, unit, describeFault(path, { ...first, container: file.container }, first), faults);
  if (rows.length === 0) throw noRows(path);
  const sha256 = file.sha256();
  return {
    ...{ name: path, title: basename(path).replace(/\.[a-z]+$/i, ''), rows, numbers, unit },
    hash: createTrainingSet({ name: path, rows, provenance: {} }).hash,
    ...{ sha256, releasedSet: recogniseReleasedSet(sha256, rows.length) },
  };
}

/** Rows of a set that is known by its name. */
export function screenTrainingSet({ name, rows, hash }: TrainingSet): ScreenedRows {
  if (rows.length === 0) throw noRows(name);
  return {
    ...{ name, title: basename(name), rows, hash, unit: 'row', sha256: null, releasedSet: null },
    numbers: rows.map((_, place) => place + 1),
  };
}

const shownNumbers = 10;

/** The first fault, with the numbers of all others. */
function refuse(
  file: string,
  unit: ScreenedRows['unit'],
  first: DriftlineError,
  faults: readonly { readonly line: number }[],
): DriftlineError {
  if (faults.length === 1) return first;
  const lines = faults.map(({ line }) => line);
  const rest = lines.length - shownNumbers;
  const listed = `${lines.slice(0, shownNumbers).join(', ')}${rest > 0 ? ` and ${String(rest)} more` : ''}`;
  return new DriftlineError({
    code: first.code,
    message: `${first.message}; ${String(lines.length)} ${unit}s are no rows: ${listed}`,
    hint: first.hint,
    details: { file, lines },
  });
}
