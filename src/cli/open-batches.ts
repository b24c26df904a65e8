import { systemClock } from '../foundation/clock.js';
import type { ProgressDisplay } from '../foundation/progress-display.js';
import type { BatchSettings } from '../models/hosted/batches/batch-settings.js';
import type { CommandContext } from './command-context.js';

/** Batches that are recorded in a folder, with a progress line for those that are waited for. */
export function openBatches(
  { notify }: Pick<CommandContext, 'notify'>,
  folder: string,
  display: ProgressDisplay,
): BatchSettings {
  return { folder, clock: systemClock, onNotice: notify, onProgress: createBatchDisplay(display) };
}

/** Shows batches that are waited for. */
export function createBatchDisplay(display: ProgressDisplay): NonNullable<BatchSettings['onProgress']> {
  const first = new Map<string, number>();
  return ({ host, model, batches, done, total }) => {
    const label = `${model} in batches at ${host}`;
    if (!first.has(label) || (first.get(label) ?? 0) > done) first.set(label, done);
    display.show({
      label,
      total,
      unit: 'requests',
      initialCount: first.get(label) ?? 0,
      count: done,
      note: batches.length === 1 ? (batches[0] ?? '') : `${String(batches.length)} batches`,
    });
  };
}
