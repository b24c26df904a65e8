import { join } from 'node:path';
import { z } from 'zod';
import { requireBatchedJudge } from '../../experiment/plan/require-batched-models.js';
import { findJudgeEndpoint, parseJudge, resolveJudge, type PlannedJudge } from '../../experiment/plan/resolve-judge.js';
import { compareJudges } from '../../analysis/compare-judges.js';
import { openJudge } from '../../experiment/run/open-judge.js';
import { inputOfRun } from '../../analysis/analysis-input.js';
import { countRun } from '../../analysis/count-run.js';
import { summariseRun } from '../../analysis/summarise-run.js';
import { remarkOnStoredQuestions } from '../../experiment/run/remark-on-stored-questions.js';
import { rejudgeRun } from '../../experiment/run/rejudge-run.js';
import { readRunContent } from '../../runs/read-run.js';
import { readStoredRun, type StoredRun } from '../../runs/stored-run.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { languageModes } from '../../judging/language-judge.js';
import { findRule } from '../../judging/rules.js';
import { findHostedRate, type HostedPrice } from '../../models/hosted/spending/hosted-prices.js';
import type { MeteredUse } from '../../models/hosted/spending/spending-file.js';
import { createSpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import { readWorld } from '../../organism/world/read-world.js';
import type { World } from '../../organism/world/world.js';
import { batchOptions, openBatches } from '../batch-options.js';
import { defineCommand } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { judgePriceOption, maxCostOption } from '../cost-options.js';
import { describeAgreement } from '../describe-agreement.js';
import { describeRunTables } from '../describe-run-tables.js';
import { describePaid, describeSpending } from '../describe-spending.js';
import { nonEmptyText, wholeNumber } from '../option-values.js';
import { planRuleOption } from '../plan-rule-option.js';
import { printTable } from '../print-table.js';

interface WantedJudge {
  readonly judge: string | undefined;
  readonly mode: string | undefined;
  readonly samples: number | undefined;
}

export const rejudge = defineCommand({
  name: 'rejudge',
  summary: 'Judge the answers of a run by another judge, or count its judgements by another rule',
  description:
    "Adds the judgements of another judge to a run folder, prints its table, and how far it agrees with the run's own judge. Nothing is asked of the models again, and nothing that was judged is judged again: stop it, and it goes on. Without --judge nothing is judged, and the table of the run's own judge is printed by the rule.",
  arguments: { run: { description: 'A run folder, such as runs/mine-1a2b3c4d', schema: nonEmptyText } },
  options: {
    judge: {
      value: 'JUDGE',
      description: "Who judges: exact for the organism's own judge, or a hosted model",
      schema: nonEmptyText.optional(),
      example: 'openai:gpt-4o-2024-08-06',
    },
    mode: {
      value: 'MODE',
      description: `How a model scores: ${languageModes.join(', ')}; logprobs if not given`,
      schema: z.string().optional(),
      example: 'samples',
    },
    samples: {
      value: 'N',
      description: 'Replies of the mode samples; 8 if not given',
      schema: wholeNumber(1).optional(),
      example: '4',
    },
    rule: planRuleOption,
    'batch-judgements': batchOptions['batch-judgements'],
    'max-cost': {
      ...maxCostOption,
      description:
        'Begin nothing that might take what this judge is paid for the run, earlier calls included, past so many US dollars; its price must be known',
    },
    'judge-price': judgePriceOption,
  },
  examples: [
    { description: 'Count by another rule', line: 'driftline rejudge runs/mine-1a2b3c4d --rule coherent' },
    {
      description: 'Judge by a hosted model, with OPENAI_API_KEY set',
      line: 'driftline rejudge runs/mine-1a2b3c4d --judge openai:gpt-4o-2024-08-06',
    },
    {
      description: 'The same with a model that gives no log-probabilities',
      line: 'driftline rejudge runs/mine-1a2b3c4d --judge openai:gpt-5 --mode samples --samples 4',
    },
  ],
  run: async (context, { arguments: { run: folder }, options }) => {
    const { judge, mode, samples, 'batch-judgements': isBatched } = options;
    const rule = options.rule === undefined ? null : findRule(options.rule);
    const written = parseWantedJudge({ judge, mode, samples });
    if (isBatched && written === null)
      throw misplaced('--batch-judgements is for models that judge', 'Name a model with --judge.');
    const cost = { limit: options['max-cost'], price: options['judge-price'] };
    if ((cost.limit ?? cost.price) !== undefined && (written === null || 'exact' in written))
      throw misplaced('--max-cost and --judge-price are for models that judge', 'Name a model with --judge.');
    const run = await readStoredRun(folder);
    const world = await readWorld();
    const made = written === null ? null : await judgeAgain(context, run, world, written, { isBatched, ...cost });

    const input = inputOfRun(await readRunContent(folder));
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
});

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
      `${setting} is for models that judge`,
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
  world: World,
  written: WrittenJudge,
  { isBatched, limit, price }: WantedJudging,
) {
  const { environment, fetch, signal } = context;
  if ('exact' in written) for (const remark of await remarkOnStoredQuestions(run, world)) context.notify(remark);
  const planned = await resolveJudge(written, environment);
  const account = nameAccount(planned);
  const findRate = ({ model, endpoint }: Pick<MeteredUse, 'model' | 'endpoint'>) =>
    findHostedRate(model, endpoint, price === undefined ? {} : { [model.text]: price }, 'model');
  const spending = createSpendingLedger({
    folder: run.folder,
    account,
    findRate,
    // Calls of before, which may have been counted without a price.
    findRateOf: (entry) =>
      planned.kind === 'exact' || entry.account !== account
        ? null
        : findRate({ model: planned.model, endpoint: findJudgeEndpoint(planned) }),
    limit: limit ?? null,
    priceHint:
      'Write what it costs with --judge-price, in US dollars for a million tokens in and out, 0,0 for a server of your own: --judge-price 2.5,10.',
    clock: context.now,
  });
  if (isBatched) await requireBatchedJudge(planned, context);
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const { judge, calibration } = await openJudge(planned, {
    ...{ environment, fetch, signal, world, spending },
    ...(isBatched ? { batches: openBatches(context, join(run.folder, 'batches'), display) } : {}),
  });
  const tally = await rejudgeRun({
    run,
    judge,
    calibration,
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

/** What a run pays is its plan's; whoever judges it again has an account of its own. */
function nameAccount(planned: PlannedJudge): string {
  return planned.kind === 'exact' ? 'exact' : planned.name;
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
