import { Worker } from 'node:worker_threads';
import { zeroDenormals } from '../../engine/runtime/zero-denormals.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { TrainingProgress } from '../../models/trainer.js';
import type { FromTrainingThread, TrainingThreadSettings } from './training-worker.js';

/**
 * Trains off the main thread, which large models would block for seconds at a time. Stopped by the signal, it saves,
 * and throws `interrupted`.
 */
export async function trainOnThread(
  settings: TrainingThreadSettings,
  signal: AbortSignal,
  onStep: (progress: TrainingProgress) => void,
): Promise<void> {
  await zeroDenormals();
  const worker = new Worker(new URL('./training-worker.js', import.meta.url), { workerData: settings });
  const stop = (): void => {
    worker.postMessage('stop');
  };
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    await new Promise<void>((resolve, reject) => {
      let result: Exclude<FromTrainingThread, { kind: 'step' }> | null = null;
      worker.on('message', (message: FromTrainingThread) => {
        if (message.kind === 'step') onStep(message);
        else result = message;
      });
      worker.on('error', reject);
      // Only then has it given its folder free.
      worker.on('exit', () => {
        if (result?.kind === 'done') resolve();
        else if (result?.kind === 'fault') reject(new DriftlineError(result));
        else reject(threadEnded());
      });
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function threadEnded(): DriftlineError {
  return new DriftlineError({
    code: 'engine-failed',
    message: 'The training thread ended before its job did',
    hint: 'If memory ran out, use a smaller batch, shorter rows or a smaller model.',
  });
}
