import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { parseSettings } from '../../foundation/explain-issue.js';
import { isHubReference } from '../checkpoint/hub-reference.js';
import '../runtime/switch-off-telemetry.js';
import { zeroDenormals } from '../runtime/zero-denormals.js';
import type { Interventions } from '../sample/decode-runner.js';
import type { SampledAnswer, SampledToken, SampleRequest } from '../sample/sample-request.js';
import type { FromWorker, SamplerSettings, ToWorker } from './sampler-messages.js';

/** Only the thread that loads the model can check whether layers and widths fit. */
const vectorsSchema = z.map(z.number(), z.instanceof(Float32Array));

const interventionsSchema = z.strictObject({
  add: vectorsSchema.optional(),
  remove: vectorsSchema.optional(),
  from: z.enum(['prompt', 'answer']).optional(),
});

const settingsSchema = z.strictObject({
  model: z.string().nonempty(),
  adapter: z.string().nonempty().optional(),
  interventions: interventionsSchema.optional(),
  threads: z.int().positive().optional(),
});

const optionsSchema = z.strictObject({
  slots: z.int().positive().optional(),
  interventions: interventionsSchema.optional(),
  onToken: z.custom<(token: never) => void>((value) => typeof value === 'function', 'expected a function').optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/** Refuses invalid settings before a thread is started. */
function checkSamplerSettings(settings: unknown): void {
  const { model, adapter } = parseSettings(settingsSchema, settings, 'openSampler');
  for (const [name, value] of Object.entries({ model, adapter })) {
    if (value === undefined || !isHubReference(value)) continue;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `openSampler: ${name}: ${value} is a reference to the hub, not a folder`,
      hint: 'Give the folder that resolveModelFolder returns for it, or that of openModel.',
    });
  }
}

function checkSampleOptions(options: unknown): void {
  parseSettings(optionsSchema, options, 'sample');
}

export interface SampleOptions {
  /** Sequences decoded at once: more is faster, and takes more memory. Default 32 to 128, by the size of the model. */
  readonly slots?: number;
  /**
   * Vectors for this call, which replace those that the sampler was opened with at the same layers; layers that are not
   * named keep theirs. So a sweep over vectors loads the model once.
   */
  readonly interventions?: Interventions;
  /** Called for every token that belongs to an answer, soon after it is drawn and before its answer is handed out. */
  readonly onToken?: (token: SampledToken) => void;
  readonly signal?: AbortSignal;
}

/** A model that answers, on a thread of its own. */
export interface EngineSampler {
  /**
   * Answers in the order in which they finish; `answer.request` says which request each belongs to. Overlapping calls
   * are sampled together if they ask for the same number of slots and bring no vectors.
   */
  readonly sample: (
    requests: readonly SampleRequest[],
    options?: SampleOptions,
  ) => AsyncGenerator<SampledAnswer, void, undefined>;
  readonly close: () => Promise<void>;
}

interface Call {
  readonly answers: SampledAnswer[];
  state: 'open' | 'done' | DriftlineError;
  wake: () => void;
  readonly onToken: ((token: SampledToken) => void) | undefined;
}

/** Loads a model, with an adapter if one is given, on another thread, and returns when it is ready. */
export async function openSampler(settings: SamplerSettings): Promise<EngineSampler> {
  checkSamplerSettings(settings);
  await zeroDenormals();
  const worker = new Worker(new URL('./sampler-worker.js', import.meta.url), {
    workerData: settings,
    // A thread inherits `--input-type` from a program without a file, and would then refuse to start from a file.
    ...(process.execArgv.some((argument) => argument.startsWith('--input-type')) ? { execArgv: [] } : {}),
  });
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      resolve();
    });
  });
  const calls = new Map<number, Call>();
  let count = 0;
  let fatal: DriftlineError | null = null;
  let closed = false;
  const post = (message: ToWorker): void => {
    worker.postMessage(message);
  };

  await new Promise<void>((resolve, reject) => {
    const failEverything = (error: DriftlineError): void => {
      fatal = error;
      for (const call of calls.values()) settle(call, error);
      reject(error);
    };
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') resolve();
      else if (message.kind === 'fault' && message.call === null) failEverything(new DriftlineError(message.fault));
      else {
        const call = calls.get(message.call ?? -1);
        if (call === undefined) return;
        if (message.kind === 'token') call.onToken?.(message.token);
        else if (message.kind === 'answer') {
          call.answers.push(message.answer);
          if (message.isLast) settle(call, 'done');
          else call.wake();
        } else settle(call, message.kind === 'done' ? 'done' : new DriftlineError(message.fault));
      }
    });
    worker.on('error', (cause) => {
      failEverything(threadFault(cause));
    });
    worker.on('exit', () => {
      failEverything(fatal ?? threadFault(undefined));
    });
  });

  return {
    sample: async function* (requests, options = {}) {
      checkSampleOptions(options);
      const { slots, interventions = {}, onToken, signal } = options;
      if (closed) throw closedFault();
      if (fatal !== null) throw fatal;
      count += 1;
      const number = count;
      const call: Call = { answers: [], state: 'open', wake: () => undefined, onToken };
      calls.set(number, call);
      const stop = (): void => {
        post({ kind: 'stop', call: number });
      };
      signal?.addEventListener('abort', stop);
      try {
        post({ kind: 'sample', call: number, requests, slots, interventions, tokens: onToken !== undefined });
        if (signal?.aborted === true) stop();
        for (;;) {
          const answer = call.answers.shift();
          if (answer !== undefined) yield answer;
          else if (call.state === 'done') return;
          else if (call.state !== 'open') throw call.state;
          else
            await new Promise<void>((resolve) => {
              call.wake = resolve;
            });
        }
      } finally {
        // Also reached when the consumer leaves its loop early.
        if (call.state === 'open') stop();
        signal?.removeEventListener('abort', stop);
        calls.delete(number);
      }
    },
    close: async () => {
      closed = true;
      post({ kind: 'close' });
      await exited;
    },
  };
}

function settle(call: Call, state: 'done' | DriftlineError): void {
  if (call.state === 'open') call.state = state;
  call.wake();
}

function closedFault(): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: 'The sampler was closed before it was asked',
    hint: 'Open another sampler, or close this one later.',
  });
}

function threadFault(cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'engine-failed',
    message: `The sampling thread ended${cause instanceof Error ? `: ${cause.message}` : ''}`,
    hint: 'If memory ran out, use fewer slots or a smaller model; then open the sampler again.',
    cause,
  });
}
