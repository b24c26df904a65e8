import { parentPort, workerData } from 'node:worker_threads';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { openEmbeddedTrainer } from '../../models/embedded/open-embedded-trainer.js';
import type { FromTrainingThread, TrainingThreadSettings } from './training-messages.js';

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
