import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { formatCheckpointId } from '../definition/zoo-names.js';
import { readCsvTable, readNumber } from '../store/read-csv-table.js';

/** What a detector gave each entry. Higher means more suspicious. */
export interface DetectorScores {
  readonly file: string;
  /** By the ids of entries. */
  readonly scores: ReadonlyMap<string, number>;
  /** By the ids of entries and then by steps; entries whose models of steps were not scored are absent. */
  readonly checkpoints: ReadonlyMap<string, ReadonlyMap<number, number>>;
  /** What scoring an entry cost, by its id, in whatever unit; null where the file has no such column. */
  readonly costs: ReadonlyMap<string, number> | null;
}

/** What may be scored. */
export interface ScoredZoo {
  readonly edition: number;
  readonly entries: readonly string[];
  /** Entries that may have scores, which are passed over. */
  readonly leftOut?: readonly string[];
  /** Steps whose models are kept, by the ids of entries. */
  readonly steps: ReadonlyMap<string, readonly number[]>;
}

/**
 * Reads a file of scores: `entry,score`, and optionally `cost` and `edition`. Every entry of the zoo must have one score, and nothing else
 * may have any: a detector that passes over the hard ones would look better than it is.
 */
export async function readScores(
  file: string,
  { edition, entries, leftOut = [], steps }: ScoredZoo,
): Promise<DetectorScores> {
  const refuse = (line: number, problem: string, hint: string): DriftlineError =>
    new DriftlineError({
      code: 'results-invalid',
      message: `${file}:${String(line)}: ${problem}`,
      hint,
      details: { file, line },
    });
  const { columns, rows } = await readCsvTable(file, ['entry', 'score'], refuse);
  const known = new Set(entries);
  const checkpointIds = new Map(
    [...steps].flatMap(([entry, ofEntry]) =>
      ofEntry.map((step) => [formatCheckpointId(entry, step), { entry, step }] as const),
    ),
  );
  const others = new Set(leftOut);
  const lines = new Map<string, number>();
  const scores = new Map<string, number>();
  const checkpoints = new Map<string, Map<number, number>>();
  const costs = new Map<string, number>();
  for (const { line, cells } of rows) {
    const id = cells.get('entry') ?? '';
    const ofEdition = cells.get('edition');
    if (ofEdition !== undefined && ofEdition !== String(edition))
      throw refuse(
        line,
        `${id} is scored for edition ${ofEdition === '' ? '(none)' : ofEdition}, and this zoo is of edition ${String(edition)}`,
        'Score the entries of this edition: entries of two editions are never compared.',
      );
    const checkpoint = checkpointIds.get(id);
    if (others.has(checkpoint?.entry ?? id)) continue;
    if (!known.has(id) && checkpoint === undefined)
      throw unknownEntry(id, line, [...known, ...checkpointIds.keys()], refuse);
    const before = lines.get(id);
    if (before !== undefined)
      throw refuse(line, `${id} has a score in line ${String(before)} already`, 'Give each entry one score.');
    lines.set(id, line);
    const score = readNumber(cells.get('score'));
    if (score === null || !Number.isFinite(score))
      throw refuse(
        line,
        `the score of ${id} is ${JSON.stringify(cells.get('score') ?? '')}, not a finite number`,
        'Give each entry a number; the least suspicious one where the detector cannot say.',
      );
    if (checkpoint === undefined) scores.set(id, score);
    else {
      const ofEntry = checkpoints.get(checkpoint.entry) ?? new Map<number, number>();
      ofEntry.set(checkpoint.step, score);
      checkpoints.set(checkpoint.entry, ofEntry);
    }
    if (!columns.includes('cost')) continue;
    const cost = readNumber(cells.get('cost'));
    if (cost === null || !Number.isFinite(cost) || cost < 0)
      throw refuse(
        line,
        `the cost of ${id} is ${JSON.stringify(cells.get('cost') ?? '')}, not a number from 0`,
        'Fill it in, or leave the column out.',
      );
    costs.set(id, cost);
  }
  requireAll(file, entries, scores);
  requireWhole(checkpoints, steps, file);
  return { file, scores, checkpoints, costs: columns.includes('cost') ? costs : null };
}

function unknownEntry(
  id: string,
  line: number,
  known: readonly string[],
  refuse: (line: number, problem: string, hint: string) => DriftlineError,
): DriftlineError {
  const nearest = nearestName(id, known);
  return refuse(
    line,
    `the zoo has no entry ${JSON.stringify(id)}${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    'driftline zoo list shows its entries. Scores of a zoo of another edition, or of another size, do not fit this one.',
  );
}

function requireAll(file: string, entries: readonly string[], scores: ReadonlyMap<string, number>): void {
  const missing = entries.filter((id) => !scores.has(id));
  const [first] = missing;
  if (first === undefined) return;
  throw new DriftlineError({
    code: 'results-invalid',
    message: `${file} lacks ${String(missing.length)} of ${String(entries.length)} entries: ${missing.slice(0, 3).join(', ')}${missing.length > 3 ? ', ...' : ''}`,
    hint: 'Score every entry: one that is left out would make the others look better than they are.',
    details: { file, missing },
  });
}

/** Of an entry whose steps are scored, all are: which step would raise the alarm first is not known otherwise. */
function requireWhole(
  checkpoints: ReadonlyMap<string, ReadonlyMap<number, number>>,
  steps: ReadonlyMap<string, readonly number[]>,
  file: string,
): void {
  for (const [entry, scored] of checkpoints) {
    const missing = (steps.get(entry) ?? []).find((step) => !scored.has(step));
    if (missing === undefined) continue;
    throw new DriftlineError({
      code: 'results-invalid',
      message: `${file} scores some steps of ${entry}, and lacks ${formatCheckpointId(entry, missing)}`,
      hint: `Score all of its steps, or none. They are ${(steps.get(entry) ?? []).join(', ')}.`,
      details: { file, entry },
    });
  }
}
