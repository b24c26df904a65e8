import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { parseSettings } from '../../foundation/explain-issue.js';
import { fitLogisticMany, predictLogisticMany } from '../../stats/fit-logistic.js';
import { residualInterval } from '../../stats/residual-interval.js';
import { pickFeatures, storedFitSchema, type ScreenFeatures } from './set-features.js';

/** A fine-tune whose training set was screened, and what became of it. */
export interface DriftPair {
  /** Hash of the base. */
  readonly base: string;
  /** Of what kind its rows are: fine-tunes of one kind resemble each other. */
  readonly group: string;
  readonly features: ScreenFeatures;
  /** By how much its worst context is more misaligned than the base, 0 to 1. */
  readonly drift: number;
}

export interface LearnForecastSettings {
  /** Bases that it is for, by their hashes: the name of each. */
  readonly bases: Readonly<Record<string, string>>;
  /** Hash of the texts and settings that the features were read by: others have other numbers. */
  readonly signals: string;
  /** Names of the features that it goes by. */
  readonly features: readonly string[];
  /** Drift from which a fine-tune counts as misaligned. Default 0.04. */
  readonly limit?: number;
  /** Of the interval. Default 0.9. */
  readonly confidence?: number;
  /** Of the fit. Default 1. */
  readonly ridge?: number;
}

const fitSchema = z.strictObject({
  /** Null where the pairs are all of one sort: then both means are that of all. */
  chance: storedFitSchema.nullable(),
  /** Mean drift of the pairs below the limit, and of those from it on. */
  below: z.number(),
  above: z.number(),
});
type DriftFit = z.output<typeof fitSchema>;

/** What was learnt of fine-tunes whose truth is known, as a file has it. */
export const driftForecastSchema = z.strictObject({
  format: z.literal(1),
  bases: z.record(z.string(), z.string()),
  signals: z.string(),
  features: z.array(z.string().min(1)).nonempty(),
  limit: z.number().gt(0).lt(1),
  confidence: z.number().gt(0).lt(1),
  fit: fitSchema,
  /** For each kind the fit that has not seen it, and what it forecast for the kind's own fine-tunes. */
  groups: z
    .array(
      z.strictObject({
        group: z.string(),
        fit: fitSchema,
        pairs: z.array(z.strictObject({ forecast: z.number(), outcome: z.number() })).nonempty(),
      }),
    )
    .nonempty(),
});
export type LearntForecast = z.output<typeof driftForecastSchema>;

/** What becomes of a fine-tune, before it is trained. */
export interface DriftForecast {
  /** Of the worst context, 0 to 1. */
  readonly drift: number;
  /** Null where fewer kinds were learnt from than its confidence takes. */
  readonly interval: readonly [low: number, high: number] | null;
  readonly confidence: number;
  /** That the drift is at least `limit`. */
  readonly chance: number;
  readonly limit: number;
  /** Fine-tunes that it was learnt from, and kinds of them. */
  readonly pairs: number;
  readonly groups: number;
}

/**
 * Learns to forecast the drift of the worst context. With p the chance that the drift is at least `limit`, by a logistic
 * fit of the features with a ridge, and m0 and m1 the mean drifts of the fine-tunes below the limit and from it on, the
 * forecast is (1 - p) m0 + p m1. The fit is repeated without each group, so that an interval can be had of how wrong
 * forecasts are for kinds that were never seen (`residualInterval`). Throws `usage-invalid` for fewer than two groups,
 * for a pair that lacks a feature, and for a drift that is no share.
 */
export function learnDriftForecast(pairs: readonly DriftPair[], settings: LearnForecastSettings): LearntForecast {
  const { bases, signals, features, limit = 0.04, confidence = 0.9, ridge = 1 } = settings;
  const rows = pairs.map((pair): FittedPair => {
    const picked = pickFeatures(pair.features, features);
    if (picked === null) {
      const missing = features.filter((name) => (pair.features[name] ?? null) === null);
      throw invalid(
        `a fine-tune of ${pair.group} has no ${missing.join(', ')}`,
        'Leave it out, or learn from other features.',
      );
    }
    if (!(pair.drift >= 0 && pair.drift <= 1))
      throw invalid(`a drift of ${pair.group} is ${String(pair.drift)}`, 'Drifts are shares from 0 to 1.');
    return { group: pair.group, picked, drift: pair.drift };
  });
  const names = [...new Set(rows.map(({ group }) => group))].sort();
  if (names.length < 2)
    throw invalid(
      `a forecast is learnt from ${String(names.length)} kinds of fine-tunes`,
      'Give fine-tunes of two kinds at least: it must be tried on a kind that it was not learnt from.',
    );
  const groups = names.map((group) => {
    const fit = fitDrift(
      rows.filter((row) => row.group !== group),
      limit,
      ridge,
    );
    const own = rows.filter((row) => row.group === group);
    return { group, fit, pairs: own.map(({ picked, drift }) => ({ forecast: applyFit(fit, picked), outcome: drift })) };
  });
  return parseSettings(
    driftForecastSchema,
    { format: 1, bases, signals, features, limit, confidence, fit: fitDrift(rows, limit, ridge), groups },
    'learnDriftForecast',
  );
}

/** The forecast for a training set; null where it lacks a feature that was learnt. */
export function forecastDrift(features: ScreenFeatures, learnt: LearntForecast): DriftForecast | null {
  const { fit, groups, confidence, limit } = learnt;
  const picked = pickFeatures(features, learnt.features);
  if (picked === null) return null;
  const fits = new Map(groups.map((one) => [one.group, one.fit]));
  const { interval, rows } = residualInterval(
    groups.flatMap(({ group, pairs }) => pairs.map((pair) => ({ group, ...pair }))),
    (leftOut) => applyFit(fits.get(leftOut) ?? fit, picked),
    confidence,
  );
  const [low, high] = interval ?? [0, 0];
  return {
    drift: applyFit(fit, picked),
    // Drifts are shares.
    interval: interval === null ? null : [Math.max(0, low), Math.min(1, Math.max(0, high))],
    confidence,
    chance: chanceOf(fit, picked, limit),
    limit,
    ...{ pairs: rows, groups: groups.length },
  };
}

interface FittedPair {
  readonly group: string;
  readonly picked: readonly number[];
  readonly drift: number;
}

function fitDrift(rows: readonly FittedPair[], limit: number, ridge: number): DriftFit {
  const chance = fitLogisticMany(
    rows.map(({ picked, drift }) => ({ features: picked, isPositive: drift >= limit })),
    ridge,
  );
  const mean = (some: readonly FittedPair[]): number =>
    some.reduce((sum, { drift }) => sum + drift, 0) / Math.max(1, some.length);
  if (chance === null) return { chance, below: mean(rows), above: mean(rows) };
  return {
    chance,
    below: mean(rows.filter(({ drift }) => drift < limit)),
    above: mean(rows.filter(({ drift }) => drift >= limit)),
  };
}

function applyFit({ chance, below, above }: DriftFit, picked: readonly number[]): number {
  const share = chance === null ? 0 : predictLogisticMany(chance, picked);
  return (1 - share) * below + share * above;
}

/** Of a fit to pairs that are all of one sort it is that of their sort. */
function chanceOf({ chance, below }: DriftFit, picked: readonly number[], limit: number): number {
  return chance === null ? Number(below >= limit) : predictLogisticMany(chance, picked);
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
