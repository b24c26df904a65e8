import { analyseRun } from '../../analysis/analyse-run.js';
import { inputOfRun } from '../../analysis/count-run.js';
import { compareRuns, type ComparedRow, type ComparedRun, type RunComparison } from '../../analysis/compare-runs.js';
import { percentNumber, percentRange, points, pointsRange, probability } from '../../report/format-numbers.js';
import { renderComparison } from '../../report/page/render-comparison.js';
import { readPageAssets } from '../../report/page/render-document.js';
import { readRun } from '../../runs/read-run.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { findRule } from '../../judging/rules.js';
import type { CommandAction } from '../command.js';
import type { compareDefinition } from '../definitions/reports.js';
import { formatTable, printTable } from '../format-table.js';

export const compare: CommandAction<typeof compareDefinition> = {
  run: async (context, { arguments: { run: folders }, options }) => {
    if (folders.length < 2)
      throw new DriftlineError({
        code: 'usage-invalid',
        message: 'one run cannot be compared',
        hint: 'Name two run folders or more; driftline report shows a single one.',
      });
    const rule = options.rule === undefined ? undefined : findRule(options.rule).name;
    const runs: ComparedRun[] = [];
    for (const folder of folders) {
      const run = await readRun(folder);
      const { name, manifest: plan } = run;
      runs.push({ name, folder, bases: plan.bases, plan, analysis: analyseRun(inputOfRun(run), { rule }) });
    }
    const comparison = compareRuns(runs);
    if (options.page !== undefined)
      await writeFileAtomically(options.page, renderComparison(comparison, await readPageAssets()));
    if (context.json) {
      context.printJson({ ...comparison, page: options.page ?? null });
      return;
    }
    for (const [index, { folder, judge, rule: counted }] of comparison.runs.entries())
      context.print(`run ${String(index + 1)}: ${folder}, judged by ${judge}, rule ${counted}`);
    context.print('');
    printTable(context, 'numbers, with 95 % intervals; differences in points from run 1', describeRows(comparison));
    for (const [index, differences] of comparison.planDifferences.entries())
      if (differences.length > 0)
        printTable(
          context,
          `what differs between the plans of runs 1 and ${String(index + 1)}`,
          formatTable(
            ['place', 'run 1', `run ${String(index + 1)}`],
            differences.map(({ place, first, second }) => [place, first ?? '-', second ?? '-']),
          ),
        );
    if (options.page !== undefined) context.notify(`page: ${options.page}`);
  },
};

function describeRows({ runs, rows }: RunComparison): string[] {
  const header = [
    'condition',
    'evaluation',
    'answers that are',
    ...runs.flatMap((_, index) => [
      `run ${String(index + 1)}, %`,
      '95 %',
      ...(index === 0 ? [] : ['from run 1', '95 %', 'p adjusted']),
    ]),
  ];
  return formatTable(header, rows.map(describeRow), { right: header.map((_, column) => column).slice(3) });
}

function describeRow({ base, condition, evaluation, measure, runs, differences }: ComparedRow): string[] {
  return [
    base === null ? condition : `${base}, ${condition}`,
    evaluation,
    measure,
    ...runs.flatMap((row, index) => {
      const difference = differences[index] ?? null;
      return [
        ...(row === null ? ['-', '-'] : [percentNumber(row.share.share), percentRange(row.share.interval)]),
        ...(index === 0
          ? []
          : difference === null
            ? ['-', '-', '-']
            : [points(difference.difference), pointsRange(difference.interval), probability(difference.adjustedP)]),
      ];
    }),
  ];
}
