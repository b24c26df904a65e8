import { join } from 'node:path';
import { access } from 'node:fs/promises';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { CsvCell } from '../../foundation/write-csv.js';
import { isBase } from '../../runs/run-outline.js';
import type { Run } from '../../runs/read-run.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { nameBase, parseEntryId } from '../definition/zoo-names.js';
import { readCsvTable } from '../store/read-csv-table.js';
import { checkpointsFile, contextsFile, truthFile, writeRows } from '../store/truth-table.js';
import type { ZooManifest } from '../store/zoo-manifest.js';
import { classifyEntry } from '../truth/classify-entry.js';
import { countEntries } from '../truth/count-entries.js';
import { writeCheckpointRows, writeContextRows, writeTruthRow, type MeasuredEntry } from './measure-truth.js';

type Row = ReadonlyMap<string, CsvCell>;

/** Writes what was measured of an organism into the tables of a zoo, in place of what they said of the same entries. */
export async function storeTruth(
  zoo: ZooDefinition,
  folder: string,
  measured: readonly MeasuredEntry[],
  run: Run,
  { entries }: Pick<ZooManifest, 'entries'>,
): Promise<void> {
  const order = orderOf(zoo);
  const merge = async (name: string, rows: readonly Row[]): Promise<void> => {
    const ids = new Set(rows.map((row) => row.get('entry')));
    const kept = (await readRows(join(folder, name))).filter((row) => !ids.has(row.get('entry') ?? null));
    const all = [...kept, ...rows].sort((left, right) => order(left) - order(right));
    if (all.length > 0) await writeRows(folder, name, all);
  };
  const rows = measured.map((one) => writeTruthRow(zoo, one, entries[one.entry.id]?.adapter ?? ''));
  const contexts = [...writeBaseRows(zoo, run, measured), ...measured.flatMap((one) => writeContextRows(zoo, one))];
  // A smaller size that is built later must not take away what more answers have shown.
  const before = sumAnswers(await readRows(join(folder, contextsFile)));
  const now = sumAnswers(contexts);
  const isBetter = (row: Row): boolean => {
    const id = String(row.get('entry') ?? '');
    return (now.get(id) ?? 0) >= (before.get(id) ?? 0);
  };
  await merge(truthFile, rows.filter(isBetter));
  await merge(contextsFile, contexts.filter(isBetter));
  await merge(checkpointsFile, writeCheckpointRows(zoo, run, measured));
}

/** Answers that count, over all contexts, by the ids of entries. */
function sumAnswers(contexts: readonly Row[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const row of contexts) {
    const id = String(row.get('entry') ?? '');
    sums.set(id, (sums.get(id) ?? 0) + Number(row.get('answers') ?? 0));
  }
  return sums;
}

/** What the base itself shows in each context, compared with nothing. */
function writeBaseRows(zoo: ZooDefinition, run: Run, [first]: readonly MeasuredEntry[]): readonly Row[] {
  const base = run.cells.find(isBase)?.name;
  const counts = base === undefined ? undefined : countEntries(run, zoo.panel).get(base);
  if (first === undefined || counts === undefined) return [];
  const looks = zoo.panel.answers.looks.length;
  const truth = classifyEntry(counts, counts, { panel: zoo.panel, domain: '', looks });
  return writeContextRows(zoo, { entry: { id: nameBase(first.entry.organism) }, truth });
}

async function readRows(file: string): Promise<Row[]> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  const { rows } = await readCsvTable(
    file,
    ['entry'],
    (line, problem, hint) =>
      new DriftlineError({ code: 'zoo-invalid', message: `${file}:${String(line)}: ${problem}`, hint }),
  );
  return rows.map(({ cells }) => cells);
}

/** Organisms, kinds, doses and recipes in the order of the zoo's files, seeds by their numbers; bases come first. */
function orderOf({ sizes, kinds }: ZooDefinition): (row: Row) => number {
  const lists = [sizes.organisms, kinds.kinds, kinds.doses, kinds.recipes].map((list) => Object.keys(list));
  return (row) => {
    const id = String(row.get('entry') ?? '');
    const parsed = parseEntryId(id);
    const names =
      parsed === null ? [id.split('.')[0] ?? ''] : [parsed.organism, parsed.kind, parsed.dose, parsed.recipe];
    const places = lists.map((list, index) => 1 + (names[index] === undefined ? -1 : list.indexOf(names[index])));
    return [...places, parsed?.seed ?? 0].reduce((sum, place) => sum * 1000 + place, 0);
  };
}
