import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { requireBatchedModels } from '../../experiment/plan/require-batched-models.js';
import { chooseCellsAtOnce } from '../../experiment/run/choose-cells-at-once.js';
import { forecastMemory, requireMemory } from '../../experiment/run/forecast-memory.js';
import { forecastRun } from '../../experiment/run/forecast-run.js';
import { openJudge } from '../../experiment/run/open-judge.js';
import { requirePlanRates } from '../../experiment/run/plan-rates.js';
import { nameRun } from '../../runs/run-folder.js';
import { runPlan, type RunSummary } from '../../experiment/run/run-plan.js';
import { readRunSummary } from '../../analysis/read-run-summary.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { readWorld } from '../../organism/world/read-world.js';
import { readReport } from '../../report/read-report.js';
import { writeReport } from '../../report/write-report.js';
import { openBatches } from '../batch-options.js';
import { defineCommand } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { maxCostOption, openPlanSpending } from '../cost-options.js';
import { describeCellsAtOnce } from '../describe-memory.js';
import { describeRunTables } from '../describe-run-tables.js';
import { describePaid, describeSpending } from '../describe-spending.js';
import { flag } from '../option-values.js';
import { printTable } from '../print-table.js';
import { planArguments, planOptions, readPlanChanges } from '../plan-options.js';
import { readPlanFile } from '../read-plan-file.js';
import { createRunDisplay } from '../run-display.js';

export const run = defineCommand({
  name: 'run',
  summary: 'Run a plan: train, ask, judge, and print the table',
  description:
    'Fine-tunes every condition with every seed, asks all models, judges the answers and prints what came out. Everything goes into the run folder as it comes: stop it, or kill it, and run it again, and it goes on. A plan that was changed begins a new run that takes over whatever the change does not touch.',
  arguments: planArguments,
  options: {
    ...planOptions,
    'max-cost': maxCostOption,
    'cancel-jobs': {
      description:
        'On Ctrl-C cancel the fine-tuning job in progress at its service; without it the job goes on there, and the same command finds it again',
      schema: flag,
    },
  },
  examples: [
    { description: 'Run an experiment, or go on with it', line: 'driftline run mine.yaml' },
    {
      description: 'The same plan on all organisms, with three seeds',
      line: 'driftline run paper.yaml --bases organism:1,organism:2,organism:3 --seeds 3',
    },
  ],
  run: async (context, { arguments: { plan: file }, options }) => {
    const { runs, threads = availableParallelism() } = options;
    const { environment, fetch, signal } = context;
    const world = await readWorld();
    const plan = await readPlanFile(context, file, {
      world,
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
    const { judge, calibration } = await openJudge(plan.judge, {
      ...{ environment, fetch, signal, world, spending },
      ...(batched.judgements ? { batches } : {}),
    });
    const summary = await runPlan({
      plan,
      runs,
      judge,
      calibration,
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
    const tables = await readRunSummary(summary.folder, plan, judge.name);
    const page = await writeReportIfPossible(context, summary.folder);
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
});

/** The page, or null where it could not be written: that takes nothing from what the run came to. */
async function writeReportIfPossible({ notify }: CommandContext, folder: string): Promise<string | null> {
  try {
    const { page } = await writeReport(await readReport(folder));
    return page;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    notify(`The report could not be written: ${problem}. driftline report ${folder} tries again.`);
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
        hint: 'Change what is named, or leave these conditions out; the same command asks for new jobs. Everything else is there.',
        details,
      })
    : new DriftlineError({
        code: 'loss-not-finite',
        message: `the training of ${count} models diverged: ${problems}`,
        hint: 'Lower their learning rate by inherit, or leave these conditions out; everything else is there.',
        details,
      });
}
