import type { GpuRate } from '../../models/gpu-meter.js';
import { findHostedRate, type HostedRate } from '../../models/hosted/spending/hosted-prices.js';
import { gpuPriceUnknown, priceUnknown } from '../../models/hosted/spending/cost-limit.js';
import { kindOfUse, type MeteredUse, type SpendingEntry } from '../../models/hosted/spending/spending-file.js';
import type { ResolvedPlan } from '../plan/resolved-plan.js';

type PricedPlan = Pick<ResolvedPlan, 'models' | 'cells' | 'judge' | 'prices' | 'cluster'>;

/** The rate of a use, by the plan's prices or the built-in list. */
export function findPlanRate({ prices }: Pick<PricedPlan, 'prices'>, use: MeteredUse): HostedRate | null {
  return findHostedRate(
    use.model,
    use.endpoint,
    prices,
    kindOfUse({ purpose: use.purpose, tuned: use.isTuned ?? false }),
  );
}

/** The rate of an entry that was counted earlier for the plan's run. */
export function findEntryRate(plan: PricedPlan, entry: SpendingEntry): HostedRate | GpuRate | null {
  if (entry.gpu_seconds !== undefined)
    return plan.cluster?.price === undefined ? null : { gpu_hour: plan.cluster.price, source: 'the plan' };
  const use = listPaidUses(plan).find(
    ({ model, purpose, isTuned = false }) =>
      model.text === entry.model && purpose === entry.purpose && isTuned === entry.tuned,
  );
  return use === undefined ? null : findPlanRate(plan, use);
}

/** Refuses a cost limit if a price of the plan is unknown; `hint` says how to give one, in the plan if not given. */
export function requirePlanRates(plan: PricedPlan, hint?: string): void {
  const usesGpus = [...plan.models.values()].some(({ isOnCluster }) => isOnCluster);
  if (usesGpus && plan.cluster?.price === undefined) throw gpuPriceUnknown();
  const unknown = listPaidUses(plan).filter((use) => findPlanRate(plan, use) === null);
  if (unknown.length > 0) throw priceUnknown(unknown, hint);
}

/** All uses that a plan may have to pay for. */
function listPaidUses({ models, cells, judge }: PricedPlan): MeteredUse[] {
  const ofModels = [...models].flatMap(([name, { hosted: model, endpoint, trainedAt }]): MeteredUse[] => {
    const ofModel = cells.filter((cell) => cell.model === name);
    const isTrained = ofModel.some(({ training }) => training !== null);
    if (trainedAt !== undefined) return isTrained ? [{ ...trainedAt, purpose: 'fine-tuning' }] : [];
    if (model === null || endpoint === null) return [];
    const isAdapted = ofModel.some(({ existing }) => existing !== null && existing.tuned !== null);
    return [
      { model, endpoint, purpose: 'answers' },
      ...(isTrained ? [{ model, endpoint, purpose: 'fine-tuning' } as const] : []),
      ...(isTrained || isAdapted ? [{ model, endpoint, purpose: 'answers', isTuned: true } as const] : []),
    ];
  });
  return [...ofModels, ...(judge.hosted === null ? [] : [judge.hosted.use])];
}
