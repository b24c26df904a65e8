import { join } from 'node:path';
import { requireBatchedJudge } from '../../experiment/run/probe-plan.js';
import type { PlannedJudge } from '../../experiment/plan/planned-judge.js';
import { parseJudge, resolveJudge } from '../../experiment/plan/resolve-judge.js';
import { compareJudges } from '../../analysis/compare-judges.js';
import { inputOfRun } from '../../analysis/analysis-input.js';
import { countRun } from '../../analysis/count-run.js';
import { summariseRun } from '../../analysis/summarise-run.js';
import { rejudgeRun, remarkOnStoredQuestions } from '../../experiment/run/rejudge-run.js';
import { readRun } from '../../runs/read-run.js';
import { readStoredRun, type StoredRun } from '../../runs/run-manifest.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { languageModes } from '../../judging/language-judge.js';
import { findRule } from '../../judging/rules.js';
import { findHostedRate, type HostedPrice } from '../../models/hosted/spending/hosted-prices.js';
import type { MeteredUse } from '../../models/hosted/spending/spending-file.js';
import { createSpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import { openOrganism, type Organism } from '../../organism/organism.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { rejudgeDefinition } from '../definitions/scores.js';
import { describeAgreement } from '../describe-agreement.js';
import { describeRunTables } from '../describe-run-tables.js';
import { describePaid, describeSpending } from '../describe-money.js';
import { printTable } from '../format-table.js';
import { openBatches } from '../open-batches.js';

interface WantedJudge {
  readonly judge: string | undefined;
  readonly mode: string | undefined;
  readonly samples: number | undefined;
}

export const rejudge: CommandAction<typeof rejudgeDefinition> = {
  run: async (context, { arguments: { run: folder }, options }) => {
    const { judge, mode, samples, 'batch-judgements': isBatched } = options;
    const rule = options.rule === undefined ? null : findRule(options.rule);
    const written = parseWantedJudge({ judge, mode, samples });
    if (isBatched && written === null)
      throw misplaced('--batch-judgements is for hosted judges', 'Name a model with --judge.');
    const cost = { limit: options['max-cost'], price: options['judge-price'] };
    if (written === null) requireHosted(null, cost);
    const run = await readStoredRun(folder);
    const organism = openOrganism();
    const made = written === null ? null : await judgeAgain(context, run, organism, written, { isBatched, ...cost });

    const input = inputOfRun(await readRun(folder));
    const { ownJudge: own, judgements } = input;
    const counted = { ...run, rule: rule?.name ?? run.rule };
    const shown = made?.judge ?? own;
    const tables = summariseRun(input, countRun(input, { judge: shown, rule: counted.rule }));
    const isOther = shown !== own && judgements.some((one) => one.judge === own);
    const agreement = isOther ? compareJudges(judgements, [own, shown], findRule(counted.rule)) : null;
    if (context.json) {
      context.printJson({
        folder,
        rule: counted.rule,
        judge: shown,
        runJudge: own,
        judgements: made?.tally ?? null,
        spending: made?.spending ?? null,
        ...tables,
        agreement,
      });
      return;
    }
    context.print(`judged by ${shown}`, context.colors.bold);
    for (const [title, lines] of describeRunTables(counted, tables)) printTable(context, title, lines);
    if (agreement !== null)
      for (const [title, lines] of describeAgreement(agreement, [own, shown])) printTable(context, title, lines);
    if (made === null) return;
    context.notify(describeWork(folder, made.tally));
    for (const line of describeSpending(made.spending)) context.notify(line);
  },
};

interface WantedJudging {
  readonly isBatched: boolean;
  readonly limit: number | undefined;
  readonly price: HostedPrice | undefined;
}

type WrittenJudge = ReturnType<typeof parseJudge>;

function parseWantedJudge({ judge, mode, samples }: WantedJudge): WrittenJudge | null {
  const setting = mode !== undefined ? '--mode' : samples !== undefined ? '--samples' : null;
  if ((judge === undefined || judge === 'exact') && setting !== null)
    throw misplaced(
      `${setting} is for hosted judges`,
      'Name a model with --judge, such as --judge openai:gpt-4o-2024-08-06.',
    );
  if (judge === undefined) return null;
  const known = findByName(new Map(languageModes.map((name) => [name as string, name])), mode ?? 'logprobs', 'mode');
  if (samples !== undefined && known !== 'samples')
    throw misplaced('--samples is for the mode samples', 'Write --mode samples, or leave --samples out.');
  return parseJudge(judge, { mode: known, samples });
}

async function judgeAgain(
  context: CommandContext,
  run: StoredRun,
  organism: Organism,
  written: WrittenJudge,
  { isBatched, limit, price }: WantedJudging,
) {
  const { environment, fetch, signal } = context;
  const planned = await resolveJudge(written, { organism, environment });
  for (const remark of await remarkOnStoredQuestions(run, planned)) context.notify(remark);
  const { hosted, shortName: account } = planned;
  requireHosted(hosted, { limit, price });
  const findRate = ({ model, endpoint }: Pick<MeteredUse, 'model' | 'endpoint'>) =>
    findHostedRate(model, endpoint, price === undefined ? {} : { [model.text]: price }, 'model');
  const spending = createSpendingLedger({
    folder: run.folder,
    account,
    findRate,
    // For earlier calls, which may have been counted without a price.
    findRateOf: (entry) => (hosted === null || entry.account !== account ? null : findRate(hosted.use)),
    limit: limit ?? null,
    priceHint:
      'Give its price with --judge-price, in US dollars for a million tokens in and out, or 0,0 for a server of your own: --judge-price 2.5,10.',
    clock: context.now,
  });
  if (isBatched) await requireBatchedJudge(planned, context);
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const judge = await planned.open({
    ...{ environment, fetch, signal, spending },
    ...(isBatched ? { batches: openBatches(context, join(run.folder, 'batches'), display) } : {}),
  });
  const tally = await rejudgeRun({
    run,
    judge,
    calibration: await planned.readCalibration(),
    spending,
    signal,
    onStored: ({ before, done, total }) => {
      const note = describePaid(spending.summary()) ?? '';
      display.show({ label: 'judging', total, unit: 'answers', initialCount: before, count: done, note });
    },
    onNotice: context.notify,
  })
    .finally(display.finish)
    .catch((cause: unknown) => {
      for (const line of describeSpending(spending.summary())) context.notify(line);
      throw cause;
    });
  return { judge: judge.name, tally, spending: spending.summary() };
}

function requireHosted(hosted: PlannedJudge['hosted'], { limit, price }: Omit<WantedJudging, 'isBatched'>): void {
  if (hosted === null && (limit ?? price) !== undefined)
    throw misplaced('--max-cost and --judge-price are for hosted judges', 'Name a model with --judge.');
}

function describeWork(
  folder: string,
  { made, reused, there }: { made: number; reused: number; there: number },
): string {
  const parts = [
    `${String(made)} made`,
    ...(reused > 0 ? [`${String(reused)} taken over`] : []),
    ...(there > 0 ? [`${String(there)} were there`] : []),
  ];
  return `${folder}\n  judgements: ${parts.join(', ')}`;
}

function misplaced(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
