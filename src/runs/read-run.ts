import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type AskedQuestion, readStoredQuestions } from './stored-questions.js';
import {
  answerRecordSchema,
  type AnswerRecord,
  judgementRecordSchema,
  keyOfJudgement,
  type JudgementRecord,
} from './run-records.js';
import { cellFile } from './earlier-runs.js';
import { readStoredRun, type StoredRun } from './stored-run.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { findLockOwner, type LockOwner } from '../foundation/lock-folder.js';
import { readSpending } from '../models/hosted/spending/spending-file.js';
import { summariseSpending, type SpendingSummary } from '../models/hosted/spending/summarise-spending.js';
import { readRecordLines } from './record-file.js';
import { readTrainingCurve, type TrainingPoint } from './read-training-curve.js';
import { readRunDescription, type RunDescription } from './run-description.js';

/** Everything that a run folder tells, as it stands: whole or not. */
export interface RunContent {
  readonly run: StoredRun;
  readonly description: RunDescription;
  /** By `evaluation/id`; empty where they cannot be read. */
  readonly questions: ReadonlyMap<string, AskedQuestion>;
  readonly answers: readonly AnswerRecord[];
  /** Of all judges. */
  readonly judgements: readonly JudgementRecord[];
  /** By the names of cells; those whose training has not begun have none. */
  readonly curves: ReadonlyMap<string, readonly TrainingPoint[]>;
  /** Cells whose training is finished. */
  readonly finished: ReadonlySet<string>;
  /** Process that works in the folder; null where none does. */
  readonly owner: LockOwner | null;
  /** What of the folder could not be used, in words. */
  readonly faults: readonly string[];
  /** What hosted models were paid; null where that was not counted. */
  readonly spending: SpendingSummary | null;
  /** Dates of files, in milliseconds; null where there is none. */
  readonly begun: number | null;
  readonly written: number | null;
}

/** Reads a run folder without a lock, so that a run which is still going can be looked at. What is no run folder is `run-invalid`. */
export async function readRunContent(folder: string): Promise<RunContent> {
  const run = await readStoredRun(folder);
  const description = await readRunDescription(folder);
  const faults: string[] = [];
  const questions = await readStoredQuestions(run).catch((cause: unknown): ReadonlyMap<string, AskedQuestion> => {
    if (!DriftlineError.isInstance(cause)) throw cause;
    faults.push(`What was asked cannot be shown: ${cause.message}.`);
    return new Map();
  });
  const spending = await readSpending(folder).catch((cause: unknown): null => {
    if (!DriftlineError.isInstance(cause)) throw cause;
    faults.push(`What was paid is not known: ${cause.message}.`);
    return null;
  });
  const answerFile = join(folder, 'answers.jsonl');
  const judgementFile = join(folder, 'judgements.jsonl');
  const answers = await readRecordLines(answerFile, answerRecordSchema, ({ key }) => key);
  const judgements = await readRecordLines(judgementFile, judgementRecordSchema, keyOfJudgement);
  for (const [name, { spoilt }] of [['answers.jsonl', answers] as const, ['judgements.jsonl', judgements] as const])
    if (spoilt.length > 0) faults.push(describeSpoilt(name, spoilt));
  const curves = new Map<string, readonly TrainingPoint[]>();
  const finished = new Set<string>();
  for (const { name, training } of run.cells) {
    if (training === null) continue;
    const place = join(folder, 'cells', name);
    curves.set(name, await readTrainingCurve(join(place, 'training.jsonl')));
    // Whatever else the mark says: folders of an earlier driftline count, too.
    if ((await dateOf(join(place, cellFile))) !== null) finished.add(name);
  }
  return {
    run,
    description,
    questions,
    answers: answers.records,
    judgements: judgements.records,
    curves,
    finished,
    owner: findLockOwner(await readdir(folder)),
    faults,
    spending: spending === null || spending.length === 0 ? null : summariseSpending(spending),
    begun: await dateOf(join(folder, 'plan.json')),
    written: latest(await dateOf(answerFile), await dateOf(judgementFile)),
  };
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
