import type { GateResult } from '../../analysis/gate.js';
import { gateRun } from '../../analysis/gate-run.js';
import { tablePopulations } from '../../analysis/summarise-run.js';
import { remarkOnChange } from '../../api/gate.js';
import type { Experiment, ExperimentEvent } from '../../api/open-experiment.js';
import type { ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import type { RunSummary } from '../../experiment/run/run-plan.js';
import { createProgressDisplay, type ProgressDisplay } from '../../foundation/progress-display.js';
import { makeReport, type Report, type ReportData } from '../../report/report-data.js';
import { listFirstTokenTables } from '../../report/first-token-tables.js';
import { listGroupTables } from '../../report/group-tables.js';
import { writeCount, writeVerdict } from '../../report/write-verdict.js';
import type { Run } from '../../runs/read-run.js';
import { writeReport } from '../../report/write-report.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { runDefinition } from '../definitions/plans.js';
import { describeCellsAtOnce } from '../describe-forecast.js';
import { describePaid, describeSpending } from '../describe-money.js';
import { describeRunTables } from '../describe-run-tables.js';
import { concludeGate, decideGate, gatedOf, readGateOptions, requireGate, tellOverrides } from '../decide-gate.js';
import { printTable, printTextTables } from '../format-table.js';
import { requireOutside } from '../junit-file.js';
import { withJunit, type WriteJunit } from '../junit.js';
import { explainBusy, runDetached } from '../detached-run.js';
import { createBatchDisplay } from '../batch-display.js';
import { explainFailedCells } from '../explain-failed-cells.js';
import { openPlan } from '../open-plan.js';
import { createRunDisplay } from '../run-display.js';

type Options = Parameters<CommandAction<typeof runDefinition>['run']>[1]['options'];

export const run: CommandAction<typeof runDefinition> = {
  run: (context, { arguments: { plan: file }, options }) =>
    withJunit(
      options.junit,
      [
        ['the plan', file],
        ['the ledger', options.ledger],
      ],
      (writeJunit) => runGated(context, file, options, writeJunit),
    ),
};

async function runGated(
  context: CommandContext,
  file: string,
  options: Options,
  writeJunit: WriteJunit,
): Promise<void> {
  const experiment = await openPlan(context, file, options, {
    cancelJobs: options['cancel-jobs'],
    gate: readGateOptions(options),
  });
  const { plan } = experiment;
  requireGate(experiment.gate, options);
  if (options.junit !== undefined) requireOutside(options.junit, experiment.folder);
  const overrides = experiment.gate === null ? [] : remarkOnChange(plan.gate, experiment.gate);
  tellOverrides(context, overrides);
  if (options.detach) {
    // What is refused is refused here, where somebody reads it.
    await experiment.forecast();
    await runDetached(context, experiment.folder);
    return;
  }
  context.notify(describeStart(plan, experiment.folder));
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const { run, summary, spending } = await experiment
    .run({ signal: context.signal, onEvent: showEvents(context, experiment, display, overrides) })
    .finally(display.finish)
    .catch(async (cause: unknown) => {
      for (const line of describeSpending(experiment.paidSoFar())) context.notify(line);
      throw await explainBusy(experiment.folder, cause);
    });
  const report = makeReport(run);
  const { tables, rows: measures, groups, firstTokens, verdicts, mainEvaluation } = report.data;
  const page = await writeReportIfPossible(context, report);
  const looked = { run, judge: report.data.judge, rule: report.data.rule, model: null };
  const { gate, failure } = await decideGate(context, options.ledger, [looked], () =>
    decide(experiment, report, summary),
  );
  if (context.json) {
    const { remarks, rule } = plan;
    const told = { ...summary, remarks, rule, judge: run.judge, spending, ...tables, populations: tablePopulations };
    context.printJson({
      ...told,
      report: page,
      mainEvaluation,
      measures,
      groups,
      firstTokens,
      verdicts,
      gate,
      overrides,
    });
  } else {
    for (const [title, lines] of describeRunTables(plan, tables)) printTable(context, title, lines);
    printTextTables(context, [...listGroupTables(groups), ...listFirstTokenTables(firstTokens)]);
    printTable(context, 'verdict', describeVerdicts(report.data));
    context.notify(describeWork(summary, countExisting(plan)));
    for (const line of describeSpending(spending)) context.notify(line);
    if (page !== null) context.notify(`  report: ${page}`);
    // Who has a gate that did not pass has something else to do.
    if (failure === null && (gate === null || gate.verdict === 'passed'))
      for (const line of describeNextSteps(context, run)) context.notify(line);
  }
  if (summary.failed.length > 0) throw explainFailedCells(summary);
  if (failure !== null) throw failure;
  if (gate !== null) await concludeGate(context, gate, writeJunit, { ...report.data, overrides });
}

/** Null where there is no gate, and where some trainings failed: the run ends with that, and the gate is not decided. */
function decide({ gate }: Pick<Experiment, 'gate'>, report: Report, { failed }: RunSummary): GateResult | null {
  return gate === null || failed.length > 0 ? null : gateRun(gatedOf(report), gate);
}

function showEvents(
  { notify, now }: CommandContext,
  { plan, paidSoFar }: Experiment,
  display: ProgressDisplay,
  told: readonly string[],
): (event: ExperimentEvent) => void {
  const showBatches = createBatchDisplay(display);
  let showRun: ReturnType<typeof createRunDisplay> | null = null;
  return (event) => {
    if (event.kind === 'batches-progress') showBatches(event);
    else if (event.kind === 'run-started') {
      for (const remark of plan.remarks) if (!told.includes(remark)) notify(remark);
      const together = describeCellsAtOnce(event.cellsAtOnce);
      if (together !== null) notify(together);
      showRun = createRunDisplay(display, event.forecast, now, () => describePaid(paidSoFar()));
    } else showRun?.(event);
  };
}

/** The page, or null if it could not be written: the results of the run do not depend on it. */
async function writeReportIfPossible({ notify }: CommandContext, report: Report): Promise<string | null> {
  try {
    const { page } = await writeReport(report);
    return page;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    notify(`The report could not be written: ${problem}. driftline report ${report.run.folder} tries again.`);
    return null;
  }
}

/** What begins, at once: measuring and the first model may take a minute in which nothing else is told. */
function describeStart({ name, cells }: ResolvedPlan, folder: string): string {
  const models = cells.length === 1 ? '1 model' : `${String(cells.length)} models`;
  return `${name}: ${models}, into ${folder}. It may be stopped at any time: the same command goes on from there.`;
}

/** The first lines of the report, as plain text. */
function describeVerdicts(data: ReportData): string[] {
  const sentences = data.verdicts.flatMap((verdict) => {
    const count = writeCount(data, verdict);
    return [
      ...(data.verdicts.length > 1 ? [`of ${verdict.base}:`] : []),
      ...(count === null ? [] : [count]),
      ...writeVerdict(data, verdict).map(({ subject, text }) => `- ${subject}${text}`),
    ];
  });
  return sentences.map((sentence) => sentence.replaceAll('\u00a0', ' '));
}

function countExisting({ cells }: ResolvedPlan): number {
  return cells.filter(({ existing }) => existing !== null).length;
}

function describeWork({ folder, cells, answers, judgements, stopped }: RunSummary, existing: number): string {
  const part = (done: number, verb: string, reused: number, there: number): string =>
    [
      `${String(done)} ${verb}`,
      ...(reused > 0 ? [`${String(reused)} taken over`] : []),
      ...(there > 0 ? [`${String(there)} already done`] : []),
    ].join(', ');
  return [
    folder,
    `  models: ${part(cells.trained, 'trained', cells.reused, cells.there)}${existing > 0 ? `, ${String(existing)} existed` : ''}`,
    `  answers: ${part(answers.asked, 'asked', answers.reused, answers.there)}`,
    `  judgements: ${part(judgements.made, 'made', judgements.reused, judgements.there)}`,
    ...(stopped.length > 0 ? [`  stopped early: ${describeSaved(stopped)}`] : []),
  ].join('\n');
}

/** What one would do now, for who runs driftline for the first time; a line each. */
function describeNextSteps({ environment }: CommandContext, { folder, rule, judge }: Run): string[] {
  // npx and npm scripts run a driftline that a shell does not find by its name.
  const program = environment['npm_command'] === undefined ? 'driftline' : 'npx driftline';
  const steps = [
    [`open ${folder}`, 'the report: figures, and every answer behind a number'],
    ...(judge === 'none'
      ? []
      : [
          [
            `rejudge ${folder} --rule ${rule === 'coherent' ? 'paper' : 'coherent'}`,
            'the same answers, counted by another rule',
          ] as const,
        ]),
    ['init mine.yaml', 'an experiment of your own, with your data or your model'],
  ] as const;
  const width = Math.max(...steps.map(([line]) => line.length));
  return ['  next:', ...steps.map(([line, what]) => `    ${program} ${line.padEnd(width)}  ${what}`)];
}

function describeSaved(stopped: RunSummary['stopped']): string {
  const sum = (count: 'answers' | 'planned'): number => stopped.reduce((total, one) => total + one[count], 0);
  return `${String(sum('answers'))} of ${String(sum('planned'))} answers were enough, of ${String(stopped.length)} models`;
}
