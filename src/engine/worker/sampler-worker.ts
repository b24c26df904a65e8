import { availableParallelism } from 'node:os';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { mergeAdapter } from '../checkpoint/merge-adapter.js';
import { readAdapter } from '../checkpoint/read-adapter.js';
import { readCheckpoint } from '../checkpoint/read-checkpoint.js';
import { createDecodeRunner } from '../sample/decode-runner.js';
import { sampleAnswers } from '../sample/sample-answers.js';
import { faultOf, type FromWorker, type SamplerSettings, type ToWorker } from './sampler-messages.js';

/** The thread behind `openSampler`: it owns the model, and does one call after the other. */

const port = requirePort();
const post = (message: FromWorker): void => {
  port.postMessage(message);
};

function requirePort(): MessagePort {
  if (parentPort !== null) return parentPort;
  throw new DriftlineError({
    code: 'internal-error',
    message: 'sampler-worker is not a program of its own',
    hint: 'Call openSampler.',
  });
}

async function serve(settings: SamplerSettings): Promise<void> {
  const { config, weights } = await readCheckpoint(settings.model);
  const adapter = settings.adapter === undefined ? null : await readAdapter(settings.adapter, config);
  const merged = adapter === null ? weights : mergeAdapter(weights, adapter);
  const interventions = settings.interventions ?? {};
  const runner = await createDecodeRunner(config, merged, interventions, settings.threads ?? availableParallelism());

  const calls = new Map<number, AbortController>();
  let last = Promise.resolve();
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'stop') calls.get(message.call)?.abort();
    else if (message.kind === 'close') {
      for (const controller of calls.values()) controller.abort();
      last = last.then(async () => {
        await runner.release();
        port.close();
      });
    } else {
      const { call, requests, slots, interventions: changes } = message;
      const controller = new AbortController();
      calls.set(call, controller);
      last = last.then(async () => {
        try {
          const editedPrompts = (changes.from ?? interventions.from) !== 'answer';
          const options = { slots, editedPrompts, signal: controller.signal };
          for await (const answer of sampleAnswers(config, runner.withVectors(changes), requests, options))
            post({ kind: 'answer', call, answer });
          post({ kind: 'done', call });
        } catch (error) {
          post({ kind: 'fault', call, fault: faultOf(error) });
        } finally {
          calls.delete(call);
        }
      });
    }
  });
  post({ kind: 'ready' });
}

serve(workerData as SamplerSettings).catch((error: unknown) => {
  post({ kind: 'fault', call: null, fault: faultOf(error) });
  port.close();
});
