import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { lockFolder } from '../../foundation/lock-folder.js';
import { writeFailure } from '../../foundation/write-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import type { ResolvedPlan } from '../plan/resolved-plan.js';
import { answerRecordSchema, type AnswerRecord } from './answer-record.js';
import { judgementRecordSchema, keyOfJudgement, type JudgementRecord } from './judgement-record.js';
import { openRecordFile, type RecordFile } from './record-file.js';

/** Raised when a folder of an older version could not be continued. */
const formatVersion = 1;

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

/** The name of a plan's run folder: the same plan finds its own run again. */
export function nameRun({ name, hash }: Pick<ResolvedPlan, 'name' | 'hash'>): string {
  return `${name}-${hash.slice(0, 8)}`;
}

/** Opens a plan's run folder, and makes it if need be. One process at a time works in it. */
export async function openRunFolder(
  runs: string,
  plan: Pick<ResolvedPlan, 'name' | 'hash' | 'record'>,
  { onNotice }: OpenRunFolderOptions,
): Promise<RunFolder> {
  const folder = join(runs, nameRun(plan));
  await mkdir(join(folder, 'cells'), { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const unlock = await lockFolder(folder);
  try {
    await claimFolder(folder, plan);
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

const claimSchema = z.looseObject({ format: z.int(), hash: z.string() });

/** plan.json says what the folder is; a folder of another plan or of a newer driftline is not written to. */
async function claimFolder(folder: string, { hash, record }: Pick<ResolvedPlan, 'hash' | 'record'>): Promise<void> {
  const file = join(folder, 'plan.json');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null;
    throw refuse(folder, `${file} could not be read`, `Check that you may read it, or move ${folder} away.`, cause);
  });
  if (text === null) {
    await writeFileAtomically(file, `${JSON.stringify({ format: formatVersion, hash, ...record }, null, 2)}\n`);
    return;
  }
  const claim = claimSchema.safeParse(parseJson(text));
  if (!claim.success) {
    throw refuse(folder, `${file} is damaged`, `Restore it, or move ${folder} away to begin again.`);
  }
  if (claim.data.format > formatVersion) {
    throw refuse(folder, `${folder} was written by a newer driftline`, 'Update driftline, or move the folder away.');
  }
  if (claim.data.hash !== hash) {
    throw refuse(folder, `${folder} has the run of another plan`, 'Move it away, or give another folder for runs.');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refuse(folder: string, message: string, hint: string, cause?: unknown): DriftlineError {
  return new DriftlineError({ code: 'run-invalid', message, hint, cause, details: { folder } });
}
