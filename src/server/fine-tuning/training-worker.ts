import { parentPort, workerData } from 'node:worker_threads';
import type { TrainingRow } from '../../data/training-set.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ErrorCode } from '../../foundation/error-codes.js';
import { openEmbeddedTrainer } from '../../models/embedded/open-embedded-trainer.js';

/** What a training thread is started with. */
export interface TrainingThreadSettings {
  readonly model: string;
  readonly modelHash: string;
  readonly threads: number;
  readonly rows: readonly TrainingRow[];
  readonly recipe: Recipe;
  readonly folder: string;
  readonly keepSteps: readonly number[];
}

export type FromTrainingThread =
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly steps: number;
      readonly loss: number;
      readonly millisecondsLeft: number;
    }
  | { readonly kind: 'done' }
  | { readonly kind: 'fault'; readonly code: ErrorCode; readonly message: string; readonly hint: string };

/** The thread behind `trainOnThread`: it does one job, until it is told to stop. */

const post = (message: FromTrainingThread): void => {
  parentPort?.postMessage(message);
};

async function train({ model, modelHash, threads, ...job }: TrainingThreadSettings): Promise<void> {
  const stop = new AbortController();
  parentPort?.once('message', () => {
    stop.abort();
  });
  const trainer = await openEmbeddedTrainer({ model, modelHash, threads, clock: () => performance.now() });
  await trainer.train(job, {
    signal: stop.signal,
    onStep: ({ step, steps, loss, millisecondsLeft }) => {
      post({ kind: 'step', step, steps, loss, millisecondsLeft });
    },
  });
}

try {
  // What the thread was started with.
  await train(workerData as TrainingThreadSettings);
  post({ kind: 'done' });
} catch (error) {
  if (DriftlineError.isInstance(error)) {
    const { code, message, hint } = error;
    post({ kind: 'fault', code, message, hint });
  } else {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    post({ kind: 'fault', code: 'internal-error', message, hint: 'Report this.' });
  }
} finally {
  parentPort?.close();
}
