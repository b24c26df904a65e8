import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BaseModel } from '../../models/open-base-model.js';
import type { PlannedCell, PlannedEvaluation } from '../plan/resolved-plan.js';

/** Seconds, measured; null where there was nothing to measure. */
export interface MeasuredSpeed {
  readonly secondsPerStep: number | null;
  readonly secondsPerAnswer: number | null;
}

const steps = 4;
const answers = 48;

/**
 * Trains some steps of a cell and asks the base some questions, into nowhere: how long a step and an answer take here. A rough figure:
 * the first step, which prepares the others, is left out, and the base's answers stand for everybody's.
 */
export async function measureSpeed(
  base: BaseModel,
  cell: PlannedCell | undefined,
  evaluation: PlannedEvaluation | undefined,
  { clock, signal }: { readonly clock: () => number; readonly signal?: AbortSignal },
): Promise<MeasuredSpeed> {
  const options = signal === undefined ? {} : { signal };
  return {
    secondsPerStep: cell?.training == null || base.openTrainer === null ? null : await timeSteps(cell.training),
    secondsPerAnswer: evaluation === undefined ? null : await timeAnswers(evaluation),
  };

  async function timeSteps({ set, recipe }: NonNullable<PlannedCell['training']>): Promise<number> {
    const folder = await mkdtemp(join(tmpdir(), 'driftline-plan-'));
    try {
      const trainer = await base.openTrainer?.();
      const moments: number[] = [];
      // Rows as they come, as many as some steps take.
      const rows = set.rows.slice(0, steps * recipe.batch_size * recipe.accumulation);
      await trainer?.train(
        { rows, recipe: { ...recipe, epochs: 1 }, folder },
        {
          ...options,
          onStep: () => {
            moments.push(clock());
          },
        },
      );
      const [first, last] = [moments[0], moments.at(-1)];
      return first === undefined || last === undefined || moments.length < 2
        ? 0
        : (last - first) / (moments.length - 1) / 1000;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async function timeAnswers({ questions }: PlannedEvaluation): Promise<number> {
    const sampler = await base.openSampler(null);
    try {
      const step = Math.max(1, Math.floor(questions.length / answers));
      const requests = questions
        .filter((_, index) => index % step === 0)
        .slice(0, answers)
        .map(({ messages, temperature, maximumTokens }) => ({
          messages: [...messages] as Parameters<typeof sampler.sample>[0][number]['messages'], // a question has messages
          temperature,
          maximumTokens,
        }));
      let started = clock();
      let done = 0;
      for await (const _ of sampler.sample(requests, options)) {
        done += 1;
        // The first answer waits for the model.
        if (done === 1) started = clock();
      }
      return done < 2 ? 0 : (clock() - started) / (done - 1) / 1000;
    } finally {
      await sampler.close();
    }
  }
}
