import type { Clock } from '../../foundation/clock.js';
import type { RequestGroup, WantedGroups } from './request-group.js';

export interface WaveCollector {
  /** Asks, now or with what others ask soon. */
  readonly add: (wanted: WantedGroups) => void;
}

/** Milliseconds and numbers by which a wave is closed. */
export interface WaveLimits {
  /** Without anything new, where nothing more is to be expected. */
  readonly quiet: number;
  /** Where fine-tunes are under way, which will be asked, too. */
  readonly patience: number;
  readonly answers: number;
}

export const usualWaveLimits: WaveLimits = { quiet: 2000, patience: 300_000, answers: 20_000 };

interface WaveCollectorSettings {
  readonly clock: Clock;
  readonly limits: WaveLimits;
  /** Fine-tunes of the base that are under way. */
  readonly underWay: () => number;
  /** Whether a model is in memory there, so that asking costs no start. */
  readonly isWarm: () => boolean;
  readonly send: (wave: WantedGroups) => void;
}

/**
 * Gathers what is asked of one base: a start of vLLM is dear, so a wave is closed when nothing new comes and nothing
 * more is to be expected, when it is large, or when it has waited long enough.
 */
export function createWaveCollector({ clock, limits, underWay, isWarm, send }: WaveCollectorSettings): WaveCollector {
  let groups: RequestGroup[] = [];
  let files = new Map<string, Uint8Array>();
  let answers = 0;
  let since = 0;
  let cancel: (() => void) | null = null;

  const close = (): void => {
    cancel?.();
    cancel = null;
    const wave = { groups, files };
    [groups, files, answers] = [[], new Map<string, Uint8Array>(), 0];
    if (wave.groups.length > 0) send(wave);
  };
  const look = (): void => {
    cancel = null;
    const waited = clock.now() - since;
    if (underWay() === 0 || isWarm() || waited >= limits.patience) close();
    else cancel = clock.after(Math.min(limits.quiet, limits.patience - waited), look);
  };

  return {
    add: (wanted) => {
      if (groups.length === 0) since = clock.now();
      groups.push(...wanted.groups);
      for (const [name, bytes] of wanted.files) files.set(name, bytes);
      for (const { seeds } of wanted.groups) for (const [, count] of seeds) answers += count;
      cancel?.();
      if (answers >= limits.answers) close();
      else cancel = clock.after(limits.quiet, look);
    },
  };
}
