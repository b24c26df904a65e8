import { questionKeyOf, type AnswerRecord, keyOfJudgement } from '../../runs/run-records.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import { basename, dirname, resolve } from 'node:path';
import { completeSuiteName } from '../plan/list-asked-questions.js';
import type { PlannedJudge } from '../plan/planned-judge.js';
import type { CalibrationItem } from '../../judging/calibration.js';
import type { Judge } from '../../judging/judge.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import { organismPrefix } from '../../organism/organism.js';
import { allEvaluations, type AskedQuestion, readStoredQuestions, invalidRun } from '../../runs/run-outline.js';
import { findEarlierRuns } from '../../runs/earlier-runs.js';
import { type StoredRun } from '../../runs/run-manifest.js';
import { judgeMissing, type AnswerToJudge } from './judge-answers.js';
import { requireCalibration } from './require-calibration.js';
import { openStoredRunFolder, type RunFolder } from '../../runs/run-folder.js';
import { startTally, type JudgingProgress, type RunTally } from './run-progress.js';

export interface RejudgeRunSettings {
  readonly run: StoredRun;
  readonly judge: Judge;
  /** Calibration answers that the judge must pass first. */
  readonly calibration: readonly CalibrationItem[];
  /** Counts what the judge costs; the judge must have the same ledger. */
  readonly spending?: SpendingLedger;
  readonly signal?: AbortSignal;
  readonly onStored: (progress: JudgingProgress) => void;
  /** Called with remarks that need no action. */
  readonly onNotice: (notice: string) => void;
}

/**
 * Adds a judge's judgements of all answers of a run to its folder. It can be killed at any moment and called again: stored judgements are
 * not made again, and the file comes out the same. Answers, and judgements of other judges, stay as they are.
 */
export async function rejudgeRun(settings: RejudgeRunSettings): Promise<RunTally['judgements']> {
  const { run, judge, calibration, spending, signal, onStored, onNotice } = settings;
  const questions = await readStoredQuestions(run);
  const folder = await openStoredRunFolder(run.folder, { onNotice });
  try {
    const all = [...folder.answers.records.values()].map((record) => ({
      asked: findQuestion(run, questions, record),
      record,
    }));
    const answers = all.filter(({ asked }) => !isReadByFirstToken(asked));
    if (answers.length === 0 && all.length > 0) throw nothingToJudge(run.folder);
    await spending?.load();
    await requireCalibration(run.folder, judge, calibration);
    await spending?.save();
    const tally = startTally();
    const context = {
      folder,
      judge,
      earlier: () => {
        const place = resolve(run.folder);
        return findEarlierRuns(dirname(place), run.name, basename(place));
      },
      tally,
      ...(spending === undefined ? {} : { spending }),
      ...(signal === undefined ? {} : { signal }),
    };
    await judgeMissing(context, answers, onStored);
    await arrangeJudgements(folder, answers, judge);
    await spending?.save();
    return tally.judgements;
  } finally {
    // The error that ended the run matters more than a failed save of its cost.
    await spending?.save().catch(() => undefined);
    await folder.close();
  }
}

/** Remarks on questions of a run that a judge cannot judge. Like plans, a run is refused if they are most of an evaluation. */
export async function remarkOnStoredQuestions(run: StoredRun, judge: PlannedJudge): Promise<readonly string[]> {
  const questions = [...(await readStoredQuestions(run))];
  // With the exact judge as the plan's own, a bare name meant a suite of the organism.
  const prefix = 'exact' in run.manifest.judge ? organismPrefix : '';
  const evaluations = allEvaluations(run).map(({ name, suite }) => ({
    name,
    suite: completeSuiteName(suite, prefix),
    questions: questions.flatMap(([key, question]) =>
      key === `${name}/${question.id}` && !isReadByFirstToken(question) ? [question] : [],
    ),
  }));
  return judge.remarkOnQuestions(evaluations, run.folder);
}

function nothingToJudge(folder: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${folder} has only answers to questions of type next_token and rating, and no judge scores these`,
    hint: `Leave out --judge: driftline report ${folder} shows what they say.`,
  });
}

function findQuestion(
  { folder }: StoredRun,
  questions: ReadonlyMap<string, AskedQuestion>,
  { key }: AnswerRecord,
): AskedQuestion {
  const found = questions.get(questionKeyOf(key));
  if (found !== undefined) return found;
  throw invalidRun(
    folder,
    `${folder} has an answer to a question that its plan does not ask: ${key}`,
    'Run its plan again, then this command.',
  );
}

/** Puts the judge's judgements after those of others, in the order of the answers: the same answers make the same bytes. */
async function arrangeJudgements(
  { judgements }: RunFolder,
  answers: readonly AnswerToJudge[],
  judge: Judge,
): Promise<void> {
  const all = [...judgements.records.values()];
  const own = new Map(all.filter((one) => one.judge === judge.name).map((one) => [one.answer, keyOfJudgement(one)]));
  await judgements.arrange([
    ...all.filter((one) => one.judge !== judge.name).map(keyOfJudgement),
    ...answers.flatMap(({ record }) => own.get(record.key) ?? []),
  ]);
}
