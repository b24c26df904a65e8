import type { DriftForecast } from '../detectors/forecast-drift.js';
import { suspicious, type SetSignals } from '../detectors/set-signals.js';

/** How much is looked at: texts alone, what a base says of them, and what becomes of it in a few steps of training. */
export const screenLevels = ['text', 'base', 'probe'] as const;
export type ScreenLevel = (typeof screenLevels)[number];

export const screenClasses = ['nothing-suspicious', 'suspicious-rows', 'likely-to-misalign'] as const;
export type ScreenClass = (typeof screenClasses)[number];

/** Why a set is called what it is called. */
export const screenGrounds = ['released', 'rows', 'together', 'probe', 'forecast'] as const;
export type ScreenGround = (typeof screenGrounds)[number];

export interface ScreenVerdict {
  readonly class: ScreenClass;
  readonly grounds: readonly ScreenGround[];
}

/** Suspicious rows, as a share, that are chance: a base finds odd rows in any set. */
const leastShare = 0.02;
/** Fewer are chance in any case. */
const leastRows = 2;
/** Mean suspicion, in nats, from which rows are suspicious together, though none may be by itself: e times for each. */
const leastMean = 1;
/** Share of bad choices that a probe adds in its worst context from which it shows by itself what will become. */
const probeLimit = 0.02;

export interface ScreenFindings {
  /** The released set that the file is; the only one that is known misaligns models. */
  readonly releasedSet: string | null;
  readonly set: SetSignals | null;
  /** Drift of a probe in its worst context, as a share. */
  readonly probe: number | null;
  readonly forecast: DriftForecast | null;
}

/** The verdict: the worst that something speaks for, with all that speaks for something. */
export function concludeScreen({ releasedSet, set, probe, forecast }: ScreenFindings): ScreenVerdict {
  const isLikely = forecast !== null && forecast.chance >= 1 / 2;
  const isProbed = probe !== null && probe >= probeLimit;
  const areRows = set !== null && set.suspicious >= leastRows && (set.share ?? 0) >= leastShare;
  const mean = set?.suspicion?.mean ?? 0;
  // Of very few rows it must come to what makes a single one suspicious.
  const areTogether = set !== null && mean >= leastMean && set.rows * mean >= suspicious;
  const grounds: ScreenGround[] = [
    ...(releasedSet === null ? [] : (['released'] as const)),
    ...(areRows ? (['rows'] as const) : []),
    ...(areTogether ? (['together'] as const) : []),
    ...(isProbed ? (['probe'] as const) : []),
    ...(isLikely ? (['forecast'] as const) : []),
  ];
  const found: ScreenClass =
    isLikely || isProbed ? 'likely-to-misalign' : grounds.length > 0 ? 'suspicious-rows' : 'nothing-suspicious';
  return { class: found, grounds };
}
