import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFolder } from '../foundation/lock-folder.js';
import { writeFailure } from '../foundation/file-failure.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import {
  answerRecordSchema,
  type AnswerRecord,
  judgementRecordSchema,
  keyOfJudgement,
  type JudgementRecord,
} from './run-records.js';
import { formatVersion, invalidRun, locatePlanFile, readPlanFile } from './plan-file.js';
import { openRecordFile, type RecordFile } from './record-file.js';
import type { PlanOutline } from './run-outline.js';
import { type AskedEvaluation, writeQuestions } from './stored-questions.js';

/** A run's folder, open for writing. */
export interface RunFolder {
  readonly folder: string;
  /** By the keys of answers. */
  readonly answers: RecordFile<AnswerRecord>;
  /** By `keyOfJudgement`. */
  readonly judgements: RecordFile<JudgementRecord>;
  readonly cellFolder: (cell: string) => string;
  close(): Promise<void>;
}

export interface OpenRunFolderOptions {
  /** Told what the user should know and need not act on. */
  readonly onNotice: (notice: string) => void;
}

/** What a run folder is made from. */
export interface PlanOfRun extends Pick<PlanOutline<AskedEvaluation>, 'evaluations' | 'dynamics'> {
  readonly name: string;
  /** SHA-256 of all that decides the results. */
  readonly hash: string;
  /** What plan.json holds besides: plain JSON. */
  readonly record: Readonly<Record<string, unknown>>;
}

/** The name of a plan's run folder: the same plan finds its own run again. */
export function nameRun({ name, hash }: Pick<PlanOfRun, 'name' | 'hash'>): string {
  return `${name}-${hash.slice(0, 8)}`;
}

/** Opens a plan's run folder, and makes it if need be. One process at a time works in it. */
export async function openRunFolder(runs: string, plan: PlanOfRun, options: OpenRunFolderOptions): Promise<RunFolder> {
  const folder = join(runs, nameRun(plan));
  await mkdir(join(folder, 'cells'), { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  return openLocked(folder, options, async () => {
    await claimFolder(folder, plan);
    await writeQuestions(folder, plan);
  });
}

/** Opens a run folder that is there, whatever its plan. */
export function openStoredRunFolder(folder: string, options: OpenRunFolderOptions): Promise<RunFolder> {
  return openLocked(folder, options, () => Promise.resolve());
}

async function openLocked(
  folder: string,
  { onNotice }: OpenRunFolderOptions,
  claim: () => Promise<void>,
): Promise<RunFolder> {
  const unlock = await lockFolder(folder);
  try {
    await claim();
    const warnOf = (file: string) => (lines: readonly number[]) => {
      const listed =
        lines.length > 5 ? `${lines.slice(0, 5).join(', ')} and ${String(lines.length - 5)} more` : lines.join(', ');
      onNotice(
        `${join(folder, file)}: line ${listed} was changed since it was written; what it stood for is done again.`,
      );
    };
    const answers = await openRecordFile({
      file: join(folder, 'answers.jsonl'),
      schema: answerRecordSchema,
      keyOf: ({ key }) => key,
      onSpoilt: warnOf('answers.jsonl'),
    });
    try {
      const judgements = await openRecordFile({
        file: join(folder, 'judgements.jsonl'),
        schema: judgementRecordSchema,
        keyOf: keyOfJudgement,
        onSpoilt: warnOf('judgements.jsonl'),
      });
      return {
        folder,
        answers,
        judgements,
        cellFolder: (cell) => join(folder, 'cells', cell),
        close: async () => {
          await answers.close();
          await judgements.close();
          await unlock();
        },
      };
    } catch (cause) {
      await answers.close();
      throw cause;
    }
  } catch (cause) {
    await unlock();
    throw cause;
  }
}

/** A folder of another plan or of a newer driftline is not written to. */
async function claimFolder(folder: string, { hash, record }: Pick<PlanOfRun, 'hash' | 'record'>): Promise<void> {
  const claim = await readPlanFile(folder);
  if (claim === null) {
    const text = `${JSON.stringify({ format: formatVersion, hash, ...record }, null, 2)}\n`;
    await writeFileAtomically(locatePlanFile(folder), text);
  } else if (claim.hash !== hash) {
    throw invalidRun(folder, `${folder} has the run of another plan`, 'Move it away, or give another folder for runs.');
  }
}
