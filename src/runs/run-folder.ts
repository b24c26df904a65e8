import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFailure } from '../foundation/file-failure.js';
import { lockFolder } from '../foundation/lock-folder.js';
import { openRecordFile, type RecordFile, type RecordKind } from './record-file.js';
import { claimRunFolder, locateManifest } from './run-manifest.js';
import { type PlanOutline, writeQuestions, type AskedEvaluation } from './run-outline.js';
import { answerRecords, judgementRecords, type AnswerRecord, type JudgementRecord } from './run-records.js';
import { readRunTimes, writeRunTimes } from './run-times.js';

/** A run's folder, open for writing. */
export interface RunFolder {
  readonly folder: string;
  /** By the keys of answers. */
  readonly answers: RecordFile<AnswerRecord>;
  /** By `keyOfJudgement`. */
  readonly judgements: RecordFile<JudgementRecord>;
  /** Of a large run: another one whenever answers were lost or changed; `withJudgements`, those, too. */
  readonly generation: (withJudgements: boolean) => string | null;
  readonly cellFolder: (cell: string) => string;
  close(): Promise<void>;
}

export interface OpenRunFolderOptions {
  /** Called with remarks that need no action. */
  readonly onNotice: (notice: string) => void;
  /** Milliseconds since 1970. Default the machine's date. */
  readonly date?: () => number;
  /** Records of a file up to which all are held in memory. */
  readonly mostInMemory?: number;
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

/** Opens a plan's run folder, and creates it if it is missing. Only one process at a time can work in it. */
export async function openRunFolder(runs: string, plan: PlanOfRun, options: OpenRunFolderOptions): Promise<RunFolder> {
  const folder = join(runs, nameRun(plan));
  await mkdir(join(folder, 'cells'), { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  return openLocked(folder, options, async () => {
    await claimRunFolder(folder, plan.hash, plan.record);
    await writeQuestions(folder, plan);
  });
}

/** Opens an existing run folder, whatever its plan. */
export function openStoredRunFolder(folder: string, options: OpenRunFolderOptions): Promise<RunFolder> {
  return openLocked(folder, options, () => Promise.resolve());
}

async function openLocked(
  folder: string,
  { onNotice, date = Date.now, mostInMemory }: OpenRunFolderOptions,
  claim: () => Promise<void>,
): Promise<RunFolder> {
  const unlock = await lockFolder(folder);
  try {
    await claim();
    const times = await readRunTimes(folder);
    const begun = times?.begun ?? (await dateOf(locateManifest(folder))) ?? date();
    // Written now, so that a run that is killed has a start time, too.
    if (times === null) {
      const written = (await dateOf(join(folder, answerRecords.name))) ?? begun;
      await writeRunTimes(folder, { begun, written }).catch(() => undefined);
    }
    let isChanged = false;
    const open = async <Stored extends object>(kind: RecordKind<Stored>): Promise<RecordFile<Stored>> => {
      const file = join(folder, kind.name);
      const opened = await openRecordFile(file, kind, {
        ...(mostInMemory === undefined ? {} : { mostInMemory }),
        onSpoilt: (lines) => {
          const [shown, more] = [lines.slice(0, 5).join(', '), lines.length - 5];
          const listed = more > 0 ? `${shown} and ${String(more)} more` : shown;
          onNotice(`${file}: line ${listed} was changed since it was written; its work is done again.`);
        },
      });
      return {
        ...opened,
        append: async (records) => {
          isChanged ||= records.length > 0;
          await opened.append(records);
        },
      };
    };
    const answers = await open(answerRecords);
    try {
      const judgements = await open(judgementRecords);
      return {
        folder,
        answers,
        judgements,
        generation: (withJudgements) => {
          const ofAnswers = answers.generation();
          if (!withJudgements) return ofAnswers;
          const ofJudgements = judgements.generation();
          return ofAnswers === null || ofJudgements === null ? null : `${ofAnswers}/${ofJudgements}`;
        },
        cellFolder: (cell) => join(folder, 'cells', cell),
        close: async () => {
          await answers.close();
          await judgements.close();
          // The results are stored: a failed write of their times must not fail the run.
          if (isChanged) await writeRunTimes(folder, { begun, written: date() }).catch(() => undefined);
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

/** When a file was written, in milliseconds since 1970; null where there is none. */
async function dateOf(file: string): Promise<number | null> {
  return stat(file).then(
    ({ mtimeMs }) => Math.round(mtimeMs),
    () => null,
  );
}
