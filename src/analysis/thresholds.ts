import { sumCounts } from './estimate.js';
import { newcombeInterval } from '../stats/newcombe-interval.js';
import type { ShareCounts } from '../stats/share-counts.js';
import { wilsonInterval } from '../stats/wilson-interval.js';

/** Answers of a condition's models to an evaluation. */
export interface AskedCondition {
  readonly condition: string;
  readonly evaluation: string;
}

/** A share of them: `misaligned` among the kept answers, or `incoherent` or a label among all. */
export interface MeasuredShare extends AskedCondition {
  readonly measured: string;
}

/** What a share must be: everything that is given must hold. Shares are from 0 to 1. */
export interface Target {
  /** For people, such as "<= 0.5 %". */
  readonly text: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Compares with `times` the same share of other answers. */
  readonly comparedWith?: AskedCondition & {
    readonly times: number;
    readonly is: 'at least' | 'at most' | 'over' | 'under';
  };
  /**
   * The share must lie more than `by` above the same share of other answers, and surely so: the lower bound of Newcombe's 95 % interval of
   * the difference does.
   */
  readonly exceeds?: AskedCondition & { readonly by: number };
  /** Whether it is enough that half of the organisms that are checked together meet it. */
  readonly inHalf?: boolean;
}

/** A share that is shown, and held to a target where it has one. */
export interface Threshold extends MeasuredShare {
  readonly target?: Target;
}

/** A share over all models of a condition, and whether it is what it must be. */
export interface ThresholdResult extends MeasuredShare, ShareCounts {
  /** Null if no answer counts. */
  readonly share: number | null;
  /** Wilson's 95 % interval over answers, which it assumes to be independent. */
  readonly interval: readonly [low: number, high: number];
  /** Of each model, in the order of seeds. */
  readonly seeds: readonly (number | null)[];
  /** In words; null without a target. */
  readonly target: string | null;
  /** Null without a target, or if the share to compare with was not measured. */
  readonly met: boolean | null;
  /** Whether half of the organisms have to meet it, in place of all. */
  readonly inHalf: boolean;
}

/** The counts of each model, in the order of seeds; none if nothing was asked. */
export type CountsOf = (share: MeasuredShare) => readonly ShareCounts[];

/** Compares shares with their targets; those without answers are left out. */
export function checkThresholds(thresholds: readonly Threshold[], countsOf: CountsOf): ThresholdResult[] {
  return thresholds.flatMap(({ condition, evaluation, measured, target }) => {
    const place = { condition, evaluation, measured };
    const models = countsOf(place);
    if (models.length === 0) return [];
    const pooled = sumCounts(models);
    const share = divide(pooled);
    return {
      ...place,
      ...pooled,
      share,
      interval: wilsonInterval(pooled.successes, pooled.trials),
      seeds: models.map(divide),
      target: target?.text ?? null,
      met: target === undefined ? null : meetsTarget(pooled, measured, target, countsOf),
      inHalf: target?.inHalf ?? false,
    };
  });
}

function meetsTarget(
  counts: ShareCounts,
  measured: string,
  { atLeast = 0, atMost = 1, comparedWith, exceeds }: Target,
  countsOf: CountsOf,
): boolean | null {
  const share = divide(counts);
  // Models without an answer that counts have not shown what they should.
  if (share === null) return false;
  const count = ({ condition, evaluation }: AskedCondition): ShareCounts =>
    sumCounts(countsOf({ condition, evaluation, measured }));
  const holds: (boolean | null)[] = [share >= atLeast && share <= atMost];
  if (comparedWith !== undefined) holds.push(compare(share, divide(count(comparedWith)), comparedWith));
  if (exceeds !== undefined) {
    const { interval } = newcombeInterval(counts, count(exceeds));
    holds.push(interval === null ? null : interval[0] > exceeds.by);
  }
  return holds.includes(null) ? null : !holds.includes(false);
}

function compare(
  share: number,
  other: number | null,
  { times, is }: NonNullable<Target['comparedWith']>,
): boolean | null {
  if (other === null) return null;
  switch (is) {
    case 'at least':
      return share >= times * other;
    case 'at most':
      return share <= times * other;
    case 'over':
      return share > times * other;
    case 'under':
      return share < times * other;
  }
}

function divide({ successes, trials }: ShareCounts): number | null {
  return trials === 0 ? null : successes / trials;
}
