import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { openJsonLinesWriter } from '../../foundation/append-json-lines.js';
import type { Clock } from '../../foundation/clock.js';
import type { TrainingProgress } from '../trainer.js';

const stepSchema = z.looseObject({ step: z.int().positive(), loss: z.number() });

/** What has been told of a fine-tune's steps, each once, over stops and restarts. */
export interface StepLog {
  /** The last step that was told. */
  readonly told: () => number;
  /** Tells what is new in lines of the log; null tells nothing. */
  readonly tell: (lines: Uint8Array | null) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens the log of a fine-tune here, which grows as that of the cluster is read. */
export async function openStepLog(
  file: string,
  steps: number,
  {
    onStep,
    signal,
    clock,
  }: {
    readonly onStep: (progress: TrainingProgress) => unknown;
    readonly signal: AbortSignal | undefined;
    readonly clock: Clock;
  },
): Promise<StepLog> {
  const writer = await openJsonLinesWriter(file);
  let last = lastStepOf(await readFile(file));
  let isOpen = true;
  const begun = { step: last, time: clock.now() };
  return {
    told: () => last,
    tell: async (lines) => {
      const fresh: z.output<typeof stepSchema>[] = [];
      try {
        for (const entry of readSteps(lines ?? new Uint8Array())) {
          // The lines that were read may begin later: a step is told after the one before it.
          if (entry.step !== last + 1) continue;
          signal?.throwIfAborted();
          last = entry.step;
          fresh.push(entry);
          const each = (clock.now() - begun.time) / Math.max(1, last - begun.step);
          onStep({ step: last, steps, loss: entry.loss, millisecondsLeft: Math.round((steps - last) * each) });
        }
      } finally {
        // Together: each append waits for the disk.
        if (fresh.length > 0) await writer.append(...fresh);
      }
      signal?.throwIfAborted();
    },
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      await writer.close();
    },
  };
}

/** The last step of a log; 0 where it has none. */
export function lastStepOf(bytes: Uint8Array): number {
  return readSteps(bytes).at(-1)?.step ?? 0;
}

/** The steps of a log that may be growing, or begin in the middle. */
function readSteps(bytes: Uint8Array): z.output<typeof stepSchema>[] {
  const text = new TextDecoder().decode(bytes);
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => {
      try {
        return [stepSchema.parse(JSON.parse(line))];
      } catch {
        return [];
      }
    });
}
