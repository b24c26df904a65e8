import { access } from 'node:fs/promises';
import { nearestName } from '../../foundation/find-by-name.js';
import { writeCsv } from '../../foundation/write-csv.js';
import { divideModel, parseModel } from '../../models/model-reference.js';
import { locateManifest, readStoredRun } from '../../runs/run-manifest.js';
import { isBase } from '../../runs/run-outline.js';
import type { OpenedZoo } from '../store/open-zoo.js';
import { readCsvTable } from '../store/read-csv-table.js';
import { addedFile, parseTruthTable, truthColumns, writeRows, type TruthRow } from '../store/truth-table.js';
import { zooFault } from '../store/zoo-fault.js';

/** What a file of truths must say of entries that were measured elsewhere. */
const neededColumns = ['entry', 'kind', 'group', 'what', 'class'] as const;

/**
 * Adds fine-tunes that were measured elsewhere to a zoo's tables: their scores then count with those of the others, their base by itself.
 * `source` is a run folder, whose models the file names, or one model.
 */
export async function addEntries(
  zoo: OpenedZoo,
  source: string,
  file: string,
): Promise<{ readonly added: readonly TruthRow[] }> {
  const refuse = (line: number, problem: string, hint: string) =>
    zooFault(`${file}:${String(line)}: ${problem}`, hint, { file, line });
  const { columns, rows } = await readCsvTable(file, neededColumns, refuse);
  const bases = await findBases(source);
  const known = bases === null ? null : [...bases.keys()];
  if (bases === null && rows.length !== 1)
    throw refuse(
      rows[1]?.line ?? 1,
      `${source} is one model, and the file has ${String(rows.length)} rows`,
      'Give it one row.',
    );
  const completed = rows.map(({ line, cells }) => {
    const entry = cells.get('entry') ?? '';
    if (known !== null && !known.includes(entry)) {
      const nearest = nearestName(entry, known);
      throw refuse(
        line,
        `${source} has no model ${JSON.stringify(entry)}${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
        `Its models are ${known.slice(0, 8).join(', ')}${known.length > 8 ? ', ...' : ''}.`,
      );
    }
    if (zoo.truths.some((truth) => truth.entry === entry))
      throw refuse(line, `the zoo has an entry ${entry} already`, 'Remove its row from added.csv to add it anew.');
    const part = cells.get('part') ?? '';
    return new Map([
      ...cells,
      ['organism', bases?.get(entry) ?? divideModel(source).base] as const,
      ['part', part === '' ? 'withheld' : part] as const,
      ['source', source] as const,
    ]);
  });
  // Read as it will be read, before anything is written.
  const names = [...new Set([...truthColumns, ...columns, 'source'])];
  const text = writeCsv(
    names,
    completed.map((row) => names.map((name) => row.get(name) ?? null)),
  );
  const added = await parseTruthTable(file, text);
  const before = zoo.truths.filter((truth) => zoo.manifest.entries[truth.entry] === undefined && isAdded(truth));
  await writeRows(zoo.folder, addedFile, [...before.map(({ cells }) => cells), ...added.map(({ cells }) => cells)]);
  return { added };
}

function isAdded({ cells }: TruthRow): boolean {
  return cells.has('source');
}

/** The bases of a run's models by the names of these; null for a source that is one model. */
async function findBases(source: string): Promise<ReadonlyMap<string, string> | null> {
  const isRun = await access(locateManifest(source)).then(
    () => true,
    () => false,
  );
  if (!isRun) {
    parseModel(source);
    return null;
  }
  const { cells } = await readStoredRun(source);
  return new Map(cells.filter((cell) => !isBase(cell)).map(({ name, base }) => [name, base]));
}
