import type { ChosenCellsAtOnce } from '../experiment/run/choose-cells-at-once.js';
import type { MemoryForecast } from '../experiment/run/forecast-memory.js';
import { formatMemory } from '../foundation/format-quantities.js';

/** What each base takes at most, and of how much. */
export function describeMemory(forecasts: readonly MemoryForecast[], memory: number): string[] {
  const there = Number.isFinite(memory) ? `, of ${formatMemory(memory)}` : '';
  return forecasts.map(({ base, training, sampling }) => {
    const parts = [
      ...(training === null ? [] : [`about ${formatMemory(training)} to train`]),
      ...(sampling === null ? [] : [`about ${formatMemory(sampling)} to ask`]),
    ];
    return `${base}: ${parts.join(', ')}${there}`;
  });
}

/** How cells that run here share the machine; null where they run one after the other. */
export function describeCellsAtOnce({ here, speedup }: ChosenCellsAtOnce): string | null {
  if (here === 1) return null;
  const how = speedup === null ? '' : `, measured ${speedup.toFixed(1)} times as fast as one after the other`;
  return `${String(here)} cells at once${how}`;
}
