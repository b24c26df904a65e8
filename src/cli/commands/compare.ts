import { stat } from 'node:fs/promises';
import {
  compareRuns,
  nameCompared,
  type ComparedRow,
  type ComparedRun,
  type RunComparison,
} from '../../analysis/compare-runs.js';
import { gateCompared } from '../../analysis/gate-compared.js';
import type { GatedRun } from '../../analysis/gate-run.js';
import { describeCompared } from '../../api/analyse.js';
import { mergeGates, rememberCounts } from '../../api/gate.js';
import { percentNumber, percentRange, points, pointsRange, probability } from '../../report/format-numbers.js';
import {
  describeRemarks,
  describeSamePlans,
  describeVerdict,
  listComparedTables,
  renderComparison,
  sameAnswers,
} from '../../report/page/render-comparison.js';
import { readPageAssets } from '../../report/page/render-document.js';
import { readRun, type Run } from '../../runs/read-run.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { findRule } from '../../judging/rules.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { concludeGate, decideGate, readGateOptions, requireGate, type LookedAt } from '../decide-gate.js';
import type { compareDefinition } from '../definitions/reports.js';
import { formatTable, printTable, printTextTables } from '../format-table.js';
import { withJunit, type WriteJunit } from '../junit.js';

export const compare: CommandAction<typeof compareDefinition> = {
  run: (context, { arguments: { run: folders }, options }) =>
    withJunit(
      options.junit,
      [
        ['the ledger', options.ledger],
        ['the page', options.page],
      ],
      (writeJunit) => compareGated(context, folders, options, writeJunit),
    ),
};

type Options = Parameters<CommandAction<typeof compareDefinition>['run']>[1]['options'];

async function compareGated(
  context: CommandContext,
  folders: readonly string[],
  options: Options,
  writeJunit: WriteJunit,
): Promise<void> {
  if (folders.length < 2)
    throw new DriftlineError({
      code: 'usage-invalid',
      message: 'one run cannot be compared',
      hint: 'Name two run folders or more, or two models of a run as RUN:base RUN:CONDITION; driftline report shows a single run.',
    });
  const asked = mergeGates(null, readGateOptions(options));
  requireGate(asked, options);
  const rule = options.rule === undefined ? undefined : findRule(options.rule).name;
  const countOnce = rememberCounts(rule === undefined ? {} : { rule });
  const runs: (ComparedRun & GatedRun)[] = [];
  const read: Run[] = [];
  const looked: LookedAt[] = [];
  for (const typed of folders) {
    const { folder, condition } = await splitModel(typed);
    const run = read.find((one) => one.folder === folder) ?? (await readRun(folder));
    read.push(run);
    const gated = countOnce(run);
    const described = describeCompared(run, condition, gated.analysis);
    runs.push({ ...gated, ...described });
    looked.push({ run, judge: gated.analysis.judge, rule: gated.analysis.rule, model: described.model });
  }
  const comparison = compareRuns(runs);
  const { gate, failure } = await decideGate(context, options.ledger, looked, () =>
    asked === null ? null : gateCompared(comparison, runs, asked),
  );
  if (options.page !== undefined)
    await writeFileAtomically(options.page, renderComparison(comparison, await readPageAssets()));
  if (context.json) context.printJson({ ...comparison, page: options.page ?? null, gate });
  else printComparison(context, comparison, options);
  if (failure !== null) throw failure;
  const [first] = looked;
  if (gate !== null && first !== undefined) await concludeGate(context, gate, writeJunit, first);
}

/** `RUN:CONDITION` is a model of a run. A folder may have a colon in its name, and has one on some systems. */
async function splitModel(typed: string): Promise<{ readonly folder: string; readonly condition: string | null }> {
  const [, folder, condition] = /^(.+):([a-z0-9][a-z0-9_.-]*)$/.exec(typed) ?? [];
  if (folder === undefined || condition === undefined || (await isFolder(typed)))
    return { folder: typed, condition: null };
  return { folder, condition };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function printComparison(
  context: CommandContext,
  comparison: RunComparison,
  { page, plans }: Pick<Options, 'page' | 'plans'>,
): void {
  const what = nameCompared(comparison);
  for (const [index, { folder, judge, rule: counted, model }] of comparison.runs.entries())
    context.print(
      `${what} ${String(index + 1)}: ${model === null ? '' : `${model.base}, ${model.condition}, of `}${folder}, judged by ${judge}, rule ${counted}`,
    );
  context.print('');
  const pooled = listComparedTables(comparison);
  if (comparison.rows.length > 0 || pooled.length === 0)
    printTable(
      context,
      `numbers, with 95 % intervals for questions like these; differences in points from ${what} 1`,
      describeRows(comparison),
    );
  for (const line of describeRemarks(comparison)) context.print(line);
  if (pooled.length > 0) context.print('');
  printTextTables(context, pooled);
  for (const [index, differences] of comparison.planDifferences.entries()) {
    if (index === 0) continue;
    context.print('');
    if (differences.length === 0) context.print(describeSamePlans(comparison, index));
    else if (differences.length > mostPlaces && !plans)
      context.print(
        `The plans of ${what}s 1 and ${String(index + 1)} differ in ${String(differences.length)} places; --plans lists them.`,
      );
    else
      printTable(
        context,
        `what differs between the plans of ${what}s 1 and ${String(index + 1)}`,
        formatTable(
          ['place', `${what} 1`, `${what} ${String(index + 1)}`],
          differences.map(({ place, first, second }) => [place, first ?? '-', second ?? '-']),
        ),
      );
  }
  for (const warning of comparison.warnings) context.notify(`warning: ${warning}`);
  if (page !== undefined) context.notify(`page: ${page}`);
}

/** Differences between plans that are listed without being asked for. */
const mostPlaces = 40;

function describeRows(comparison: RunComparison): string[] {
  const { runs, rows } = comparison;
  const what = nameCompared(comparison);
  // Models are named above.
  const named = what === 'run' ? ['condition'] : [];
  const header = [
    ...named,
    'evaluation',
    'answers that are',
    ...runs.flatMap((_, index) => [
      `${what} ${String(index + 1)}, %`,
      '95 %',
      ...(index === 0 ? [] : [`from ${what} 1`, '95 %', 'p adjusted', 'verdict']),
    ]),
  ];
  const numbers = header.flatMap((title, column) => (column < named.length + 2 || title === 'verdict' ? [] : [column]));
  return formatTable(
    header,
    rows.map((row) => [...(what === 'run' ? [nameRow(row)] : []), ...describeRow(row)]),
    { right: numbers },
  );
}

function nameRow({ base, condition }: ComparedRow): string {
  return base === null ? condition : `${base}, ${condition}`;
}

function describeRow({ evaluation, measure, runs, differences, verdicts, isOfSameAnswers }: ComparedRow): string[] {
  return [
    evaluation,
    measure,
    ...runs.flatMap((row, index) => {
      const difference = differences[index] ?? null;
      return [
        ...(row === null ? ['-', '-'] : [percentNumber(row.share.share), percentRange(row.share.interval)]),
        ...(index === 0
          ? []
          : difference === null
            ? ['-', '-', '-', '-']
            : isOfSameAnswers[index] === true
              ? [points(0), '-', '-', sameAnswers]
              : [
                  points(difference.difference),
                  pointsRange(difference.interval),
                  probability(difference.adjustedP),
                  describeVerdict(verdicts[index] ?? null),
                ]),
      ];
    }),
  ];
}
