import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { parseSettings } from '../foundation/explain-issue.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { findLockOwner, type LockOwner } from '../foundation/lock-folder.js';
import { readClusterCell } from '../models/cluster/cluster-cell.js';
import { readSpending } from '../models/hosted/spending/spending-file.js';
import { summariseSpending, type SpendingSummary } from '../models/hosted/spending/summarise-spending.js';
import { nameExactJudge } from '../organism/judge/exact-judge.js';
import { isCellFinished } from './cell-mark.js';
import { readRecordLines, type RecordKind } from './record-file.js';
import type { RecordTable } from './record-table.js';
import { readStoredRun, type StoredRun } from './run-manifest.js';
import {
  answerRecords,
  judgementRecords,
  type AnswerRecord,
  type JudgementRecord,
  type RunRecords,
} from './run-records.js';
import { readRunTimes } from './run-times.js';
import { readStoredQuestions, type AskedQuestion } from './run-outline.js';
import { readTrainingCurve, type TrainingPoint } from './training-curve.js';

/** Everything in a run folder, complete or not. */
export interface Run extends StoredRun {
  /** Name of the plan's judge. */
  readonly judge: string;
  /** By `evaluation/id`; empty if they cannot be read. */
  readonly questions: ReadonlyMap<string, AskedQuestion>;
  /** In the order of the file. Of a very large run, they are brought into memory when somebody looks at them here; an analysis does not. */
  readonly answers: readonly AnswerRecord[];
  /** From all judges. */
  readonly judgements: readonly JudgementRecord[];
  /** By the names of cells; empty for a training that has not begun. */
  readonly curves: ReadonlyMap<string, readonly TrainingPoint[]>;
  /** Cells whose training is finished. */
  readonly finished: ReadonlySet<string>;
  /** By the names of cells: where the models lie that a cluster trained whole. The folder has no weights of theirs. */
  readonly weightsElsewhere: ReadonlyMap<string, string>;
  /** Process that works in the folder; null if none does. */
  readonly owner: LockOwner | null;
  /** What in the folder could not be used, in sentences. */
  readonly faults: readonly string[];
  /** What hosted models cost; null if that was not counted. */
  readonly spending: SpendingSummary | null;
  /** When the run began and when it last stored something, in milliseconds since 1970; null if unknown. */
  readonly begun: number | null;
  readonly written: number | null;
  /** Whether these are dates of files, which change when the files are copied: version 0.1 stored no times. */
  readonly areDatesOfFiles: boolean;
}

export interface ReadRunOptions {
  /** Records that are in memory already, such as those of a run that has just ended: they are not read again. */
  readonly records?: RunRecords;
}

/** For callers without type checks. */
const folderSchema = z.strictObject({ folder: z.string().min(1) });
const mapSchema = z.custom((value) => value instanceof Map || isTable(value), 'no map of records');
const optionsSchema = z.strictObject({
  records: z.object({ answers: mapSchema, judgements: mapSchema }).optional(),
});

/** Reads a run folder without a lock, so that a run in progress can be read, too. Throws `run-invalid` if it is not a run folder. */
export async function readRun(folder: string, options: ReadRunOptions = {}): Promise<Run> {
  parseSettings(folderSchema, { folder }, 'readRun');
  parseSettings(optionsSchema, options, 'readRun');
  const { records } = options;
  const stored = await readStoredRun(folder);
  const faults: string[] = [];
  const orFault = async <Value>(read: Promise<Value>, otherwise: Value, problem: string): Promise<Value> =>
    read.catch((cause: unknown) => {
      if (!DriftlineError.isInstance(cause)) throw cause;
      faults.push(`${problem}: ${cause.message}.`);
      return otherwise;
    });
  const questions = await orFault(
    readStoredQuestions(stored),
    new Map<string, AskedQuestion>(),
    'The questions cannot be shown',
  );
  const spending = await orFault(readSpending(folder), [], 'The cost is not known');
  const answers = records === undefined ? await read(answerRecords) : records.answers;
  const judgements = records === undefined ? await read(judgementRecords) : records.judgements;
  const listed: { answers?: readonly AnswerRecord[]; judgements?: readonly JudgementRecord[] } = {};
  const curves = new Map<string, readonly TrainingPoint[]>();
  const finished = new Set<string>();
  const weightsElsewhere = new Map<string, string>();
  for (const { name, training } of stored.cells) {
    if (training === null) continue;
    const place = join(folder, 'cells', name);
    curves.set(name, await readTrainingCurve(join(place, 'training.jsonl')));
    if (await isCellFinished(place)) finished.add(name);
    const { weights } = (await readClusterCell(place)) ?? {};
    if (weights !== undefined) weightsElsewhere.set(name, weights);
  }
  const times = await readRunTimes(folder);
  const run: Run = {
    ...stored,
    judge: nameOwnJudge(stored, { [Symbol.iterator]: () => judgements.values() }),
    questions,
    get answers() {
      return (listed.answers ??= [...answers.values()]);
    },
    get judgements() {
      return (listed.judgements ??= [...judgements.values()]);
    },
    curves,
    finished,
    weightsElsewhere,
    owner: findLockOwner(await readdir(folder)),
    faults,
    spending: spending.length === 0 ? null : summariseSpending(spending),
    begun: times?.begun ?? (await dateOf(join(folder, 'plan.json'))),
    written:
      times?.written ??
      latest(await dateOf(join(folder, answerRecords.name)), await dateOf(join(folder, judgementRecords.name))),
    areDatesOfFiles: times === null,
  };
  if (isLarge(answers) || isLarge(judgements)) largeRuns.set(run, { answers, judgements });
  return run;

  async function read<Stored extends object>(kind: RecordKind<Stored>): Promise<ReadonlyMap<string, Stored>> {
    const lines = await readRecordLines(join(folder, kind.name), kind);
    if (lines.spoilt.length > 0) faults.push(describeSpoilt(kind.name, lines.spoilt));
    return lines.records;
  }
}

/** What has too many records to hold. Who changes a run, as by leaving answers out, has another object. */
const largeRuns = new WeakMap<Run, RunRecords>();

/** Records of a very large run as it was read, to be gone through one by one; null of all others, whose lists are in memory. */
export function findLargeRecords(run: Run): RunRecords | null {
  return largeRuns.get(run) ?? null;
}

function isLarge(records: ReadonlyMap<string, unknown>): boolean {
  // A map of the caller's has no such function.
  return (records as Partial<RecordTable<unknown>>).isLarge?.() === true;
}

function isTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'findByInput' in value && 'values' in value;
}

/**
 * The name of a plan's judge. An exact judge is named after its version and the organism's world; one of an earlier version is found by its
 * judgements, so that the world need not be read.
 */
export function nameOwnJudge({ manifest }: Pick<StoredRun, 'manifest'>, judgements: Iterable<JudgementRecord>): string {
  const { judge, world } = manifest;
  const named = judge.name ?? judge['own'];
  if (typeof named === 'string') return named;
  const today = nameExactJudge({ textsHash: world });
  const found = new Set<string>();
  for (const { mode, judge: name } of judgements) if (mode === 'exact') found.add(name);
  return found.has(today) ? today : ([...found].at(-1) ?? today);
}

function describeSpoilt(name: string, lines: readonly number[]): string {
  const [shown, more] = [lines.slice(0, 5).join(', '), lines.length - 5];
  return `${name}: ${lines.length === 1 ? 'line' : 'lines'} ${shown}${more > 0 ? ` and ${String(more)} more` : ''} cannot be trusted, and ${lines.length === 1 ? 'is' : 'are'} left out: changed since written, or damaged.`;
}

async function dateOf(file: string): Promise<number | null> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  );
}

function latest(...dates: readonly (number | null)[]): number | null {
  const known = dates.filter((date) => date !== null);
  return known.length === 0 ? null : Math.max(...known);
}
