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
