import { inputOfRun, countRun } from '../../analysis/count-run.js';
import { compareJudges } from '../../analysis/compare-judges.js';
import { summariseRun, tablePopulations } from '../../analysis/summarise-run.js';
import { poolGroups } from '../../analysis/pool-groups.js';
import { readFirstTokens } from '../../analysis/read-first-tokens.js';
import { judgeAgain, type Rejudgement } from '../../api/judge-again.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { languageModes } from '../../judging/judge.js';
import { findRule } from '../../judging/rules.js';
import type { SpendingSummary } from '../../models/hosted/spending/summarise-spending.js';
import { openJudge } from '../../models/services/retirements.js';
import { listFirstTokenTables } from '../../report/first-token-tables.js';
import { listGroupTables } from '../../report/group-tables.js';
import { readRun } from '../../runs/read-run.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { rejudgeDefinition } from '../definitions/scores.js';
import { describeAgreement } from '../describe-agreement.js';
import { describePaid, describeSpending } from '../describe-money.js';
import { describeRunTables } from '../describe-run-tables.js';
import { printTable, printTextTables } from '../format-table.js';
import { createBatchDisplay } from '../batch-display.js';

type Options = Parameters<CommandAction<typeof rejudgeDefinition>['run']>[1]['options'];

export const rejudge: CommandAction<typeof rejudgeDefinition> = {
  run: async (context, { arguments: { run: folder }, options }) => {
    const rule = options.rule === undefined ? undefined : findRule(options.rule).name;
    const made = await judge(context, folder, options);
    const run = made?.run ?? (await readRun(folder));
    const counted = { ...run, rule: rule ?? run.rule };
    const [own, shown] = [run.judge, made?.judge ?? run.judge];
    const input = inputOfRun(run);
    const classified = countRun(input, { judge: shown, rule: counted.rule });
    const tables = summariseRun(input, classified);
    const groups = poolGroups(input, classified.tallies);
    const firstTokens = readFirstTokens(input, classified);
    const isOther = shown !== own && run.judgements.some((one) => one.judge === own);
    const agreement = isOther ? compareJudges(run.judgements, [own, shown], findRule(counted.rule)) : null;
    if (context.json) {
      context.printJson({
        folder,
        rule: counted.rule,
        judge: shown,
        runJudge: own,
        judgements: made?.tally ?? null,
        spending: made?.spending ?? null,
        ...tables,
        ...{ groups, firstTokens },
        populations: tablePopulations,
        agreement,
      });
      return;
    }
    context.print(`judged by ${shown}`, context.colors.bold);
    for (const [title, lines] of describeRunTables(counted, tables)) printTable(context, title, lines);
    printTextTables(context, [...listGroupTables(groups), ...listFirstTokenTables(firstTokens)]);
    if (agreement !== null)
      for (const [title, lines] of describeAgreement(agreement, [own, shown])) printTable(context, title, lines);
    if (made === null) return;
    context.notify(describeWork(folder, made.tally));
    for (const line of describeSpending(made.spending)) context.notify(line);
  },
};

/** Null where no judge is named: nothing is judged then. */
async function judge(context: CommandContext, folder: string, options: Options): Promise<Rejudgement | null> {
  const { judge: name, mode, samples, 'batch-judgements': batchJudgements } = options;
  const { 'max-cost': maxCost, 'judge-price': price } = options;
  if (name === undefined) {
    if (batchJudgements) throw misplaced('--batch-judgements is for hosted judges', 'Name a model with --judge.');
    if ((maxCost ?? price) !== undefined)
      throw misplaced('--max-cost and --judge-price are for hosted judges', 'Name a model with --judge.');
    if ((mode ?? samples) !== undefined)
      throw misplaced(
        `${mode === undefined ? '--samples' : '--mode'} is for hosted judges`,
        `Name a model with --judge, such as --judge ${openJudge}.`,
      );
    return null;
  }
  const known =
    mode === undefined
      ? undefined
      : findByName(new Map(languageModes.map((one) => [one as string, one])), mode, 'mode');
  const { environment, fetch, signal, now: clock, date, notify: onNotice } = context;
  const display = createProgressDisplay({ ...context, stream: context.progress });
  let paid: SpendingSummary | null = null;
  return judgeAgain(folder, {
    ...{ judge: name, batchJudgements, environment, fetch, signal, clock, date, onNotice },
    ...(known === undefined ? {} : { mode: known }),
    ...(samples === undefined ? {} : { samples }),
    ...(maxCost === undefined ? {} : { maxCost }),
    ...(price === undefined ? {} : { price }),
    onStored: ({ before, done, total }, spending) => {
      paid = spending;
      const note = describePaid(spending) ?? '';
      display.show({ label: 'judging', total, unit: 'answers', initialCount: before, count: done, note });
    },
    onBatches: createBatchDisplay(display),
  })
    .finally(display.finish)
    .catch((cause: unknown) => {
      if (paid !== null) for (const line of describeSpending(paid)) context.notify(line);
      throw cause;
    });
}

function describeWork(
  folder: string,
  { made, reused, there }: { made: number; reused: number; there: number },
): string {
  const parts = [
    `${String(made)} made`,
    ...(reused > 0 ? [`${String(reused)} taken over`] : []),
    ...(there > 0 ? [`${String(there)} already done`] : []),
  ];
  return `${folder}\n  judgements: ${parts.join(', ')}`;
}

function misplaced(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
