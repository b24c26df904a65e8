import type { BatchSettings } from '../models/hosted/batches/batch-settings.js';
import { systemClock } from '../foundation/clock.js';
import type { ProgressDisplay } from '../foundation/progress-display.js';
import { flag } from './option-values.js';
import type { CommandContext } from './command-context.js';

/** Of commands that ask hosted models; how they are asked changes nothing about what comes out. */
export const batchOptions = {
  'batch-answers': {
    description:
      'Ask hosted models for answers in batches, which services do within a day and for less: OpenAI for half the price',
    schema: flag,
  },
  'batch-judgements': {
    description: 'Ask a model that judges in batches, too; its calibration is asked for by single calls all the same',
    schema: flag,
  },
} as const;

/** Batches that are written down in a folder, with progress of those that are waited for. */
export function openBatches(
  { notify }: Pick<CommandContext, 'notify'>,
  folder: string,
  display: ProgressDisplay,
): BatchSettings {
  const first = new Map<string, number>();
  return {
    folder,
    clock: systemClock,
    onNotice: notify,
    onProgress: ({ host, model, batches, done, total }) => {
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
    },
  };
}
