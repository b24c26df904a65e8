import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFailure } from '../../foundation/write-failure.js';
import type { BaseModel } from '../../models/open-base-model.js';
import type { SamplingRequest } from '../../models/sampler.js';
import type { PlannedEvaluation, PlannedTraining } from '../plan/resolved-plan.js';

/** Seconds, measured; null where there was nothing to measure. */
export interface MeasuredSpeed {
  readonly secondsPerStep: number | null;
  readonly secondsPerAnswer: number | null;
}

export interface MeasureSpeedOptions {
  /** Milliseconds. */
  readonly clock: () => number;
  readonly signal?: AbortSignal;
}

const steps = 4;
const answers = 48;

/**
 * Trains some steps and asks the base some questions, into nowhere: how long a step and an answer take here. A rough figure: the first
 * step, which prepares the others, is left out where there are others, and the base's answers stand for everybody's.
 */
export async function measureSpeed(
  base: BaseModel,
  training: PlannedTraining | null,
  evaluation: PlannedEvaluation | null,
  options: MeasureSpeedOptions,
): Promise<MeasuredSpeed> {
  return {
    secondsPerStep: training === null ? null : await timeSteps(base, training, options),
    secondsPerAnswer: evaluation === null ? null : await timeAnswers(base, evaluation, options),
  };
}

async function timeSteps(
  { openTrainer }: BaseModel,
  { set, recipe }: PlannedTraining,
  { clock, signal }: MeasureSpeedOptions,
): Promise<number | null> {
  if (openTrainer === null) return null;
  const folder = await mkdtemp(join(tmpdir(), 'driftline-plan-')).catch((cause: unknown) => {
    throw writeFailure(tmpdir(), cause);
  });
  try {
    const trainer = await openTrainer();
    const moments = [clock()];
    await trainer.train(
      // Rows as they come, as many as some steps take.
      {
        rows: set.rows.slice(0, steps * recipe.batch_size * recipe.accumulation),
        recipe: { ...recipe, epochs: 1 },
        folder,
      },
      {
        ...(signal === undefined ? {} : { signal }),
        onStep: () => {
          moments.push(clock());
        },
      },
    );
    return meanSeconds(moments);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function timeAnswers(
  { openSampler }: BaseModel,
  { questions }: PlannedEvaluation,
  { clock, signal }: MeasureSpeedOptions,
): Promise<number | null> {
  const sampler = await openSampler(null);
  try {
    const stride = Math.max(1, Math.floor(questions.length / answers));
    const requests = questions
      .filter((_, index) => index % stride === 0)
      .slice(0, answers)
      .map(({ messages, temperature, maximumTokens }) => ({
        // The user turn is always there.
        messages: messages as SamplingRequest['messages'],
        temperature,
        maximumTokens,
      }));
    const moments = [clock()];
    const answered = sampler.sample(requests, signal === undefined ? {} : { signal });
    while ((await answered.next()).done !== true) moments.push(clock());
    return meanSeconds(moments);
  } finally {
    await sampler.close();
  }
}

/** Between moments in milliseconds, of which the first is the start; null where nothing came after it. */
function meanSeconds(moments: readonly number[]): number | null {
  // The first waits for all that is prepared only once.
  const timed = moments.length > 2 ? moments.slice(1) : moments;
  const [first, last] = [timed[0], timed.at(-1)];
  return first === undefined || last === undefined || timed.length < 2
    ? null
    : (last - first) / (timed.length - 1) / 1000;
}
