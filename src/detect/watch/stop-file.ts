import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFailure } from '../../foundation/file-failure.js';
import { readOwnJson } from '../../foundation/read-own-json.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import type { Alarm } from './raise-alarm.js';

/** In the folder that is watched, where a trainer's callback finds it. */
export const stopFileName = 'driftline-stop.json';

const stopSchema = z.strictObject({
  alarm: z.literal(true),
  /** Of the checkpoint that raised it. */
  step: z.int(),
  /** The folder of the last checkpoint that did not, within the one that is watched; null where none came before. */
  last_good: z.string().nullable(),
  score: z.number(),
  threshold: z.number(),
  rate: z.number(),
  /** What scored it: a detector, or `answers`. */
  detector: z.string(),
});

export type StopFile = z.output<typeof stopSchema>;

/** Tells a trainer to stop: all at once, so that whoever reads it never has half of it. */
export async function writeStopFile(
  file: string,
  { step, by, score, threshold, rate, lastGood }: Alarm,
  detector: string,
): Promise<void> {
  const content: StopFile = {
    ...{ alarm: true, step, last_good: lastGood?.checkpoint ?? null, score, threshold, rate },
    detector: by === 'answers' ? by : detector,
  };
  await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(file, cause);
  });
  await writeFileAtomically(file, `${JSON.stringify(content, null, 2)}\n`);
}

/** Null where there is none, or it is somebody else's. */
export function readStopFile(file: string): Promise<StopFile | null> {
  return readOwnJson(file, stopSchema);
}
