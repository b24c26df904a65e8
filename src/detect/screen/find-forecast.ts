import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { describeFirstProblem } from '../../foundation/explain-issue.js';
import { isMissing, readFailure } from '../../foundation/file-failure.js';
import { parseJson } from '../../runs/run-outline.js';
import { driftForecastSchema, type LearntForecast } from '../detectors/forecast-drift.js';
import { pickFeatures, type ScreenFeatures } from '../detectors/set-features.js';

/**
 * Forecasts that come with driftline, one file each; there need be none. `dist/detect/screen` lies as deep as
 * `src/detect/screen`.
 */
export const shippedForecasts = fileURLToPath(new URL('../../../detect/forecasts/', import.meta.url));

/** Throws `forecast-differs` for a file that is none. */
export async function readForecast(file: string): Promise<LearntForecast> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw readFailure(file, cause);
  });
  const content = parseJson(text);
  const parsed = driftForecastSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new DriftlineError({
    code: 'forecast-differs',
    message: `${file} is no forecast of this version: ${describeFirstProblem(parsed.error, driftForecastSchema, content)}`,
    hint: 'Learn it again with this version, or leave it out.',
    cause: parsed.error,
    details: { file },
  });
}

/** All forecasts of a folder, in the order of their names; none where there is no such folder. */
export async function listForecasts(folder: string): Promise<readonly LearntForecast[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw readFailure(folder, cause);
  });
  const files = names.filter((name) => name.endsWith('.json')).sort();
  return Promise.all(files.map((name) => readForecast(join(folder, name))));
}

/** What a forecast must have been learnt for. */
export interface WantedForecast {
  /** Hash of the base, and its name. */
  readonly base: string;
  readonly name: string;
  /** Hash of what the features were read by. */
  readonly signals: string;
  readonly features: ScreenFeatures;
}

/**
 * The forecast that is for this base and these signals; of several the one that goes by the most features. Null where
 * there is none: then rows are ranked, and no number is given.
 */
export function chooseForecast(
  forecasts: readonly LearntForecast[],
  { base, signals, features }: WantedForecast,
): LearntForecast | null {
  const usable = forecasts.filter(
    (one) => Object.hasOwn(one.bases, base) && one.signals === signals && pickFeatures(features, one.features) !== null,
  );
  return usable.reduce<LearntForecast | null>(
    (most, one) => (most === null || one.features.length > most.features.length ? one : most),
    null,
  );
}

/** Refuses a forecast that was asked for by name and cannot be used, with what it is for. */
export function requireForecast(
  forecast: LearntForecast,
  { base, name, signals, features }: WantedForecast,
): LearntForecast {
  const missing = forecast.features.filter((feature) => (features[feature] ?? null) === null);
  const problem = !Object.hasOwn(forecast.bases, base)
    ? `it was learnt for ${Object.values(forecast.bases).join(', ')}, and not for ${name}`
    : forecast.signals !== signals
      ? 'it was learnt from signals that were read by other texts or settings'
      : missing.length > 0
        ? `it goes by ${missing.join(', ')}, which this screen does not have`
        : null;
  if (problem === null) return forecast;
  throw new DriftlineError({
    code: 'forecast-differs',
    message: `the forecast cannot be used here: ${problem}`,
    hint:
      missing.length > 0
        ? 'Screen at the level that it was learnt at, such as --level probe with a --recipe, or leave it out: rows are ranked without.'
        : 'Leave it out: rows are ranked without.',
    details: { bases: forecast.bases, base, missing },
  });
}
