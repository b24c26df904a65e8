import { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';
import { readJsonLines } from '../foundation/read-json-lines.js';

const pointSchema = z.object({
  step: z.int(),
  loss: z.number(),
  learning_rate: z.number(),
  /** Not there where a service trained and does not say. */
  grad_norm: z.number().optional(),
  tokens: z.number().optional(),
});

/** A step of a training, as its log has it. */
export type TrainingPoint = z.output<typeof pointSchema>;

/** Reads the log of a training as far as it goes; lines that are not steps are left out, and a missing log is empty. */
export async function readTrainingCurve(file: string): Promise<TrainingPoint[]> {
  const points: TrainingPoint[] = [];
  try {
    for await (const { value } of readJsonLines(file, { halfWrittenEnd: 'skip' })) {
      const point = pointSchema.safeParse(value);
      if (point.success) points.push(point.data);
    }
  } catch (cause) {
    // Missing, or broken from here on: the curve ends early.
    if (!DriftlineError.isInstance(cause)) throw cause;
  }
  return points;
}
