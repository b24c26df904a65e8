import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { chooseCellsAtOnce } from '../../experiment/run/choose-cells-at-once.js';
import { forecastMemory, requireMemory } from '../../experiment/run/forecast-memory.js';
import { forecastRun } from '../../experiment/run/forecast-run.js';
import { requireBatchedModels } from '../../experiment/run/probe-plan.js';
import { requirePlanRates } from '../../experiment/run/plan-rates.js';
import { readRun, type Run } from '../../runs/read-run.js';
import { nameRun } from '../../runs/run-folder.js';
import { runPlan, type RunSummary } from '../../experiment/run/run-plan.js';
import { inputOfRun } from '../../analysis/analysis-input.js';
import { countRun } from '../../analysis/count-run.js';
import { summariseRun } from '../../analysis/summarise-run.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { makeReport } from '../../report/read-report.js';
import { writeReport } from '../../report/write-report.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { runDefinition } from '../definitions/plans.js';
import { describeCellsAtOnce } from '../describe-forecast.js';
import { describeRunTables } from '../describe-run-tables.js';
import { describePaid, describeSpending } from '../describe-money.js';
import { openBatches } from '../open-batches.js';
import { openPlan, openPlanSpending, readPlanChanges } from '../open-plan.js';
import { printTable } from '../format-table.js';
import { createRunDisplay } from '../run-display.js';

export const run: CommandAction<typeof runDefinition> = {
  run: async (context, { arguments: { plan: file }, options }) => {
    const { runs, threads = availableParallelism() } = options;
    const { environment, fetch, signal } = context;
    const plan = await openPlan(context, file, {
      threads,
      changes: readPlanChanges(options),
      cancelsJobs: options['cancel-jobs'],
    });
    const batched = { answers: options['batch-answers'], judgements: options['batch-judgements'] };
    const limit = options['max-cost'];
    if (limit !== undefined) requirePlanRates(plan);
    await requireBatchedModels(plan, batched, context);
    const forecast = await forecastRun(runs, plan);
    const needs = await forecastMemory(plan, forecast, threads);
    const { memory } = context;
    const ignoresMemory = options['ignore-memory'];
    if (!ignoresMemory) requireMemory(needs, { memory, threads });
    for (const remark of plan.remarks) context.notify(remark);
    const cellsAtOnce = await chooseCellsAtOnce(plan, {
      ...{ asked: options['cells-at-once'], forecast, needs, memory, ignoresMemory, threads, signal },
      clock: context.now,
    });
    const together = describeCellsAtOnce(cellsAtOnce);
    if (together !== null) context.notify(together);
    const display = createProgressDisplay({ ...context, stream: context.progress });
    const place = join(runs, nameRun(plan));
    const batches = openBatches(context, join(place, 'batches'), display);
    const spending = openPlanSpending(context, plan, place, limit);
    const judge = await plan.judge.open({
      ...{ environment, fetch, signal, spending },
      ...(batched.judgements ? { batches } : {}),
    });
    const summary = await runPlan({
      plan,
      runs,
      judge,
      calibration: await plan.judge.readCalibration(),
      ...(batched.answers ? { batches } : {}),
      spending,
      cellsAtOnce,
      signal,
      onEvent: createRunDisplay(display, forecast, context.now, () => describePaid(spending.summary())),
      onNotice: context.notify,
    })
      .finally(display.finish)
      .catch((cause: unknown) => {
        for (const line of describeSpending(spending.summary())) context.notify(line);
        throw cause;
      });
    const stored = await readRun(summary.folder);
    const input = inputOfRun(stored);
    const tables = summariseRun(input, countRun(input));
    const page = await writeReportIfPossible(context, stored);
    if (context.json) {
      context.printJson({
        ...summary,
        remarks: plan.remarks,
        rule: plan.rule,
        judge: judge.name,
        spending: spending.summary(),
        ...tables,
        report: page,
      });
    } else {
      for (const [title, lines] of describeRunTables(plan, tables)) printTable(context, title, lines);
      context.notify(describeWork(summary));
      for (const line of describeSpending(spending.summary())) context.notify(line);
      if (page !== null) context.notify(`  report: ${page}`);
    }
    if (summary.failed.length > 0) throw cellsFailed(summary);
  },
};

/** The page, or null if it could not be written: the results of the run do not depend on it. */
async function writeReportIfPossible({ notify }: CommandContext, run: Run): Promise<string | null> {
  try {
    const { page } = await writeReport(makeReport(run));
    return page;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    notify(`The report could not be written: ${problem}. driftline report ${run.folder} tries again.`);
    return null;
  }
}

function describeWork({ folder, cells, answers, judgements, stopped }: RunSummary): string {
  const part = (done: number, verb: string, reused: number, there: number): string =>
    [
      `${String(done)} ${verb}`,
      ...(reused > 0 ? [`${String(reused)} taken over`] : []),
      ...(there > 0 ? [`${String(there)} were there`] : []),
    ].join(', ');
  return [
    folder,
    `  models: ${part(cells.trained, 'trained', cells.reused, cells.there)}`,
    `  answers: ${part(answers.asked, 'asked', answers.reused, answers.there)}`,
    `  judgements: ${part(judgements.made, 'made', judgements.reused, judgements.there)}`,
    ...(stopped.length > 0 ? [`  stopped early: ${describeSaved(stopped)}`] : []),
  ].join('\n');
}

function describeSaved(stopped: RunSummary['stopped']): string {
  const sum = (count: 'answers' | 'planned'): number => stopped.reduce((total, one) => total + one[count], 0);
  return `${String(sum('answers'))} of ${String(sum('planned'))} answers were enough, of ${String(stopped.length)} models`;
}

function cellsFailed({ failed }: RunSummary): DriftlineError {
  const details = { cells: failed.map(({ cell }) => cell) };
  const problems = failed.map(({ cell, problem }) => `${cell}: ${problem}`).join('; ');
  const count = String(failed.length);
  return failed.some(({ code }) => code === 'job-failed')
    ? new DriftlineError({
        code: 'job-failed',
        message: `the training of ${count} models failed: ${problems}`,
        hint: 'Fix the named problem, or leave these conditions out; the same command starts new jobs. Everything else is finished.',
        details,
      })
    : new DriftlineError({
        code: 'loss-not-finite',
        message: `the training of ${count} models diverged: ${problems}`,
        hint: 'Lower their learning rate with inherit, or leave these conditions out. Everything else is finished.',
        details,
      });
}
