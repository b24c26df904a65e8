import { createEngineProgress } from '../engine/engine-progress.js';
import type { Plan } from '../experiment/plan/plan-schema.js';
import { readPlan } from '../experiment/plan/resolve-plan.js';
import type { ResolvedPlan } from '../experiment/plan/resolved-plan.js';
import { findEntryRate, findPlanRate } from '../experiment/run/plan-rates.js';
import { openBaseModel } from '../models/open-base-model.js';
import { createSpendingLedger, type SpendingLedger } from '../models/hosted/spending/spending-ledger.js';
import type { CommandContext } from './command-context.js';
import { readPackageVersion } from './package-version.js';

export type PlanChanges = Partial<Pick<Plan, 'bases' | 'seeds'>>;

/** What the options --bases and --seeds change in a plan. */
export function readPlanChanges({
  bases,
  seeds,
}: {
  readonly bases: readonly string[] | undefined;
  readonly seeds: number | undefined;
}): PlanChanges {
  const [first, ...others] = bases ?? [];
  return {
    ...(first === undefined ? {} : { bases: [first, ...others] }),
    ...(seeds === undefined ? {} : { seeds: [0, ...Array.from({ length: seeds - 1 }, (_, index) => index + 1)] }),
  };
}

/** Reads and resolves a plan for a command; models of the hub are downloaded, with progress. */
export async function openPlan(
  context: CommandContext,
  file: string,
  {
    threads,
    changes,
    cancelsJobs = false,
  }: {
    readonly threads: number;
    readonly changes: PlanChanges;
    /** Whether stopping cancels fine-tuning jobs of services. */
    readonly cancelsJobs?: boolean;
  },
): Promise<ResolvedPlan> {
  const progress = createEngineProgress({ ...context, stream: context.progress });
  return readPlan(file, {
    changes,
    environment: context.environment,
    version: readPackageVersion(),
    openBase: (reference) =>
      openBaseModel(reference, {
        environment: context.environment,
        fetch: context.fetch,
        signal: context.signal,
        threads,
        cancelsJobs,
        clock: context.now,
        onProgress: progress.onDownload,
        onNotice: context.notify,
      }),
  }).finally(progress.finish);
}

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
