import { z } from 'zod';
import { findEntryRate, findPlanRate } from '../experiment/run/plan-rates.js';
import type { ResolvedPlan } from '../experiment/plan/resolved-plan.js';
import type { HostedPrice } from '../models/hosted/spending/hosted-prices.js';
import { createSpendingLedger, type SpendingLedger } from '../models/hosted/spending/spending-ledger.js';
import type { CommandContext } from './command-context.js';
import { decimalNumber } from './option-values.js';

/** Of commands that may pay for hosted models. */
export const maxCostOption = {
  value: 'DOLLARS',
  description:
    'Begin nothing that might take what hosted models are paid for this run, earlier calls included, past so many US dollars; all prices must be known',
  schema: decimalNumber(0, Infinity).optional(),
  example: '20',
} as const;

const price = decimalNumber(0, Infinity);

/** Where there is no plan to have prices in it. */
export const judgePriceOption = {
  value: 'PRICE',
  description:
    'What a model that judges costs, where no list says so: US dollars for a million tokens in and out, and the share of that in batches',
  schema: z
    .string()
    .transform((text) => text.split(','))
    .pipe(
      z.union([z.tuple([price, price]), z.tuple([price, price, price])], {
        error: 'not two or three numbers with commas between',
      }),
    )
    .transform(([input, output, batch]): HostedPrice => ({ input, output, batch }))
    .optional(),
  example: '2.5,10',
} as const;

/** Counts what a run of a plan pays, in its folder. */
export function openPlanSpending(
  { now: clock }: Pick<CommandContext, 'now'>,
  plan: ResolvedPlan,
  folder: string,
  limit: number | undefined,
): SpendingLedger {
  return createSpendingLedger({
    folder,
    account: 'run',
    findRate: (use) => findPlanRate(plan, use),
    findRateOf: (entry) => (entry.account === 'run' ? findEntryRate(plan, entry) : null),
    limit: limit ?? null,
    clock,
  });
}
