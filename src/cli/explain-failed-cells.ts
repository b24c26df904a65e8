import { failedTrainings, type FailedTraining, type RunSummary } from '../experiment/run/run-plan.js';
import { DriftlineError } from '../foundation/driftline-error.js';

/** What to do for a whole run; of other codes each failure says it. */
const hintsOfRun: Readonly<Partial<Record<FailedTraining, string>>> = {
  'job-failed': 'Fix the named problem, or leave these conditions out; the same command starts new jobs.',
  'loss-not-finite': 'Lower their learning rate with inherit, or leave these conditions out.',
};

/** What became of trainings that all ended with one of these. */
const endings: Readonly<Partial<Record<FailedTraining, string>>> = {
  'loss-not-finite': 'diverged',
  'alarm-raised': 'was stopped by an alarm',
};

/** The error that a run ends with whose other cells are finished: it has the code of what failed, and each hint once. */
export function explainFailedCells({ failed }: Pick<RunSummary, 'failed'>): DriftlineError {
  const codes = new Set(failed.map(({ code }) => code));
  const code = failedTrainings.findLast((one) => codes.has(one)) ?? 'job-failed';
  const problems = failed.map(({ cell, problem }) => `${cell}: ${problem}`).join('; ');
  const end = [...codes].every((one) => one === code) ? endings[code] : undefined;
  const hints = new Set(failed.map((one) => hintsOfRun[one.code] ?? one.hint));
  return new DriftlineError({
    code,
    message: `the training of ${String(failed.length)} models ${end ?? 'failed'}: ${problems}`,
    hint: [...hints, 'Everything else is finished.'].join(' '),
    details: { cells: failed.map(({ cell }) => cell) },
  });
}
