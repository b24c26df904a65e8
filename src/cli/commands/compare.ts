import { analyseRun } from '../../analysis/analyse-run.js';
import { inputOfRun } from '../../analysis/analysis-input.js';
import { compareRuns, type ComparedRow, type ComparedRun, type RunComparison } from '../../analysis/compare-runs.js';
import { percentNumber, percentRange, points, pointsRange, probability } from '../../report/format-numbers.js';
import { renderComparison } from '../../report/page/render-comparison.js';
import { readPageAssets } from '../../report/page/render-document.js';
import { readRunContent } from '../../runs/read-run.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { findRule } from '../../judging/rules.js';
import { z } from 'zod';
import { defineCommand } from '../command.js';
import { formatTable } from '../format-table.js';
import { nonEmptyText } from '../option-values.js';
import { printTable } from '../print-table.js';

export const compare = defineCommand({
  name: 'compare',
  summary: 'Put runs side by side: their numbers, how far they differ, and what differs in their plans',
  description:
    'Evaluations and conditions of the same names are matched, and each run is compared with the first, over the questions that both asked. Nothing is asked or judged.',
  arguments: {
    run: { description: 'Two run folders or more', schema: z.array(nonEmptyText), isRepeated: true },
  },
  options: {
    rule: {
      value: 'RULE',
      description: 'How scores become "misaligned or not", for all of them: each plan\'s own rule if not given',
      schema: nonEmptyText.optional(),
      example: 'coherent',
    },
    page: {
      value: 'FILE',
      description: 'Writes the comparison as an HTML page, too',
      schema: nonEmptyText.optional(),
      example: 'comparison.html',
    },
  },
  examples: [
    { description: 'Compare two runs', line: 'driftline compare runs/mine-1a2b3c4d runs/mine-5e6f7a8b' },
    {
      description: 'The same as a page',
      line: 'driftline compare runs/mine-1a2b3c4d runs/mine-5e6f7a8b --page comparison.html',
    },
  ],
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
      const content = await readRunContent(folder);
      const { run, description: plan } = content;
      const analysis = analyseRun(inputOfRun(content), { rule });
      runs.push({ name: run.name, folder: run.folder, bases: plan.bases, plan, analysis });
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
});

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
