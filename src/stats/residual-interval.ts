import { DriftlineError } from '../foundation/driftline-error.js';
import { requireConfidence } from './estimate.js';

/** What was forecast by a fit that had not seen its group, and what came, in one unit. */
export interface HeldOutForecast {
  /** Such as the kind of data of a fine-tune: rows of one group resemble each other. */
  readonly group: string;
  readonly forecast: number;
  readonly outcome: number;
}

/** How sure a forecast is; plain JSON. */
export interface ResidualInterval {
  /** In the unit of outcomes, and not kept within what outcomes can be; null where there are too few groups. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly confidence: number;
  /** Groups and rows that it is made of. */
  readonly groups: number;
  readonly rows: number;
  /** Groups that it would take: 1 / (1 - confidence) - 1, rounded up. */
  readonly leastGroups: number;
}

/**
 * The interval of a forecast for a row of a new group, by how wrong forecasts were for groups that were left out. With
 * K groups, N_g rows in group g and R the absolute difference of a row's forecast and outcome, each row has the mass 1
 * / ((K + 1) N_g), so that groups count alike however many rows they have, and the new group has 1 / (K + 1) at
 * infinity. From `forecast` f_g of the fit without group g, high is the `confidence` quantile of f_g + R, and low that
 * of R - f_g with the sign changed. A number stands for one fit that gives all of them.
 *
 * If groups are exchangeable, it holds the outcome of a row of a new group with a probability of at least `confidence`
 * where one fit, which none of the rows were used for, made all forecasts; with a fit for each group that was left out
 * the guarantee is 1 - 2 (1 - confidence), and the probability usually about the confidence. A number for such fits, as
 * that of the fit to all groups, has no guarantee; it comes to the same where leaving out one group hardly moves the
 * forecast. Null below `leastGroups`. Lee, Barber and Willett 2023, arXiv 2306.06342 (hierarchical conformal prediction
 * and jackknife+); Barber, Candès, Ramdas and Tibshirani 2021, Annals of Statistics 49:486.
 */
export function residualInterval(
  heldOut: readonly HeldOutForecast[],
  forecast: number | ((leftOut: string) => number),
  confidence = 0.9,
): ResidualInterval {
  requireConfidence(confidence);
  const sizes = new Map<string, number>();
  for (const { group } of heldOut) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const groups = sizes.size;
  // 1 / (1 - 0.9) is a little more than 10.
  const leastGroups = Math.ceil(1 / (1 - confidence) - 1 - 1e-9);
  const common = { confidence, groups, rows: heldOut.length, leastGroups };
  const rows = heldOut.map((row) => {
    const own = requireFinite(typeof forecast === 'number' ? forecast : forecast(row.group), row.group);
    const residual = Math.abs(requireFinite(row.outcome, row.group) - requireFinite(row.forecast, row.group));
    return { above: own + residual, below: residual - own, mass: 1 / ((groups + 1) * (sizes.get(row.group) ?? 1)) };
  });
  if (groups < leastGroups) return { interval: null, ...common };
  const [low, high] = [
    -quantile(
      rows.map(({ below, mass }) => [below, mass] as const),
      confidence,
    ),
    quantile(
      rows.map(({ above, mass }) => [above, mass] as const),
      confidence,
    ),
  ];
  return { interval: [low, high], ...common };
}

/** The least value that with those below it has this mass. */
function quantile(values: readonly (readonly [value: number, mass: number])[], share: number): number {
  let sum = 0;
  for (const [value, mass] of values.toSorted(([left], [right]) => left - right)) {
    sum += mass;
    // Sums of many parts are a little less than the whole.
    if (sum >= share - 1e-9) return value;
  }
  return Infinity;
}

function requireFinite(value: number, group: string): number {
  if (Number.isFinite(value)) return value;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `a forecast or an outcome of ${group} is ${String(value)}`,
    hint: 'Leave out rows that nothing was forecast for, and say how many they are.',
  });
}
