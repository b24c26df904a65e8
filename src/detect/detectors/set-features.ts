import { z } from 'zod';
import { signalNames, type SetSignals } from './set-signals.js';

/** Numbers of a screen by names; null where one was not read. */
export type ScreenFeatures = Readonly<Record<string, number | null>>;

/** What is known of a screen besides its rows. */
export interface ScreenedTraining {
  /** Steps of the training that is planned. */
  readonly steps: number | null;
  /** Score of `choiceShare` of a probe of a few steps. */
  readonly probe: number | null;
}

/**
 * The numbers that a forecast may go by: `share` of suspicious rows, `SIGNAL-mean` and `SIGNAL-90` of each signal,
 * `steps` as a logarithm, and `probe`.
 */
export function listFeatures(set: SetSignals, { steps, probe }: ScreenedTraining): ScreenFeatures {
  return {
    share: set.share,
    ...Object.fromEntries(
      signalNames.flatMap((name) => [
        [`${name}-mean`, set[name]?.mean ?? null],
        [`${name}-90`, set[name]?.percentile90 ?? null],
      ]),
    ),
    steps: steps === null ? null : Math.log1p(steps),
    probe,
  };
}

/** Those of these names in their order; null where one is not there. */
export function pickFeatures(features: ScreenFeatures, names: readonly string[]): readonly number[] | null {
  const picked = names.map((name) => features[name] ?? null);
  return picked.every((one) => one !== null) ? picked : null;
}

/** A fit to such numbers as files have it: that of `fitLogisticMany`. */
export const storedFitSchema = z.strictObject({
  intercept: z.number(),
  features: z.array(z.strictObject({ slope: z.number(), centre: z.number(), scale: z.number().positive() })).readonly(),
});
export type StoredFit = z.output<typeof storedFitSchema>;
