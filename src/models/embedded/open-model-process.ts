import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { countSteps } from '../../engine/train/plan-training.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { listSamplingCalls, samplerClosed, type Answer, type Sampler } from '../sampler.js';
import type { KeptDecision, Trainer, TrainingProgress, TrainingResult, TrainOptions } from '../trainer.js';
import type { FromModelProcess, ModelProcessSettings, ToModelProcess } from './model-process-messages.js';
import { findTrained } from './open-embedded-trainer.js';

/** A model folder in a process of its own, which is started when there is something to do. */
export interface ModelProcess {
  readonly openTrainer: () => Promise<Trainer>;
  /** For the base itself (null), or with the adapter in this folder. */
  readonly openSampler: (adapter: string | null) => Promise<Sampler>;
  /** Ends the process; calls that are open fail. May be called twice. */
  readonly close: () => Promise<void>;
}

interface Call {
  readonly onStep: (progress: TrainingProgress) => void;
  readonly onKept: NonNullable<TrainOptions['onKept']>;
  readonly onAnswers: (answers: readonly Answer[]) => void;
  readonly resolve: (result: TrainingResult | null) => void;
  readonly reject: (cause: unknown) => void;
}

interface CallOptions extends Partial<Pick<Call, 'onStep' | 'onKept' | 'onAnswers'>> {
  readonly signal?: AbortSignal | undefined;
}

/** A call of the process, without its number. */
type Asked<Message extends ToModelProcess = ToModelProcess> = Message extends { readonly call: number }
  ? Omit<Message, 'call'>
  : never;

/**
 * Trains and asks a model folder in a process of its own: several of them use the cores of a machine better than one with as many threads.
 * Results have the same bytes as those of `openEmbeddedTrainer` and `openEmbeddedSampler`. The process ends with its parent, even if that
 * is killed.
 */
export function openModelProcess(settings: ModelProcessSettings): ModelProcess {
  const calls = new Map<number, Call>();
  let count = 0;
  let started: { readonly child: ChildProcess; readonly ended: Promise<void> } | null = null;
  let fault: DriftlineError | null = null;

  function start(): ChildProcess {
    if (started !== null) return started.child;
    // Without the parent's own options, such as a loader: the process needs none of them.
    const child = fork(fileURLToPath(new URL('./model-process.js', import.meta.url)), [], {
      execArgv: [],
      serialization: 'advanced',
      // Nobody reads its output; complaints of the numerical runtime go to stderr.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child.on('message', (message: FromModelProcess) => {
      receive(message);
    });
    const fail = (reason: string): void => {
      fault ??= processEnded(settings.model, reason);
      for (const { reject } of calls.values()) reject(fault);
      calls.clear();
    };
    // The channel closes only after it is read to its end, so that no message is lost.
    const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(
      () => {
        fail(child.signalCode ?? `exit code ${String(child.exitCode)}`);
      },
      // It could not be started.
      (cause: unknown) => {
        fail(cause instanceof Error ? cause.message : String(cause));
        child.kill('SIGKILL');
      },
    );
    started = { child, ended };
    send(child, { kind: 'start', settings });
    return child;
  }

  function send(child: ChildProcess, message: ToModelProcess): void {
    // A failed send needs no handling: if the process has ended, its calls are rejected.
    child.send(message, () => undefined);
  }

  function receive(message: FromModelProcess): void {
    const call = calls.get(message.call);
    if (call === undefined) return;
    if (message.kind === 'step') {
      call.onStep(message.progress);
      if (started !== null) send(started.child, { kind: 'go-on', call: message.call });
    } else if (message.kind === 'kept')
      call.onKept(message.step, message.model).then(
        (decision) => {
          if (started !== null) send(started.child, { kind: 'decided', call: message.call, decision });
        },
        (cause: unknown) => {
          // Nobody can decide: the call ends with why, and the training where it is.
          calls.delete(message.call);
          if (started !== null) send(started.child, { kind: 'decided', call: message.call, decision: 'stop' });
          call.reject(cause);
        },
      );
    else if (message.kind === 'answers') call.onAnswers(message.answers);
    else {
      calls.delete(message.call);
      if (message.kind === 'done') call.resolve(message.result);
      else call.reject(new DriftlineError(message.fault));
    }
  }

  /** Begins a call; returns its number and its result. */
  function begin(
    asked: Asked,
    { signal, onStep = () => undefined, onKept = goOn, onAnswers = () => undefined }: CallOptions = {},
  ): { readonly call: number; readonly result: Promise<TrainingResult | null> } {
    if (fault !== null) throw fault;
    const child = start();
    count += 1;
    const call = count;
    const stop = (): void => {
      stopCall(call);
    };
    const result = new Promise<TrainingResult | null>((resolve, reject) => {
      calls.set(call, { onStep, onKept, onAnswers, resolve, reject });
    }).finally(() => {
      signal?.removeEventListener('abort', stop);
    });
    send(child, { ...asked, call });
    signal?.addEventListener('abort', stop);
    if (signal?.aborted === true) stop();
    return { call, result };
  }

  function stopCall(call: number): void {
    if (calls.has(call) && started !== null) send(started.child, { kind: 'stop', call });
  }

  return {
    openTrainer: () =>
      Promise.resolve({
        countSteps: (rows, recipe) => countSteps(recipe, rows),
        train: async (job, { signal, onStep = () => undefined, onKept } = {}) => {
          // A job that is done needs no process.
          const finished = await findTrained(job, settings.modelHash);
          if (finished !== null) return finished;
          const result = await begin(
            { kind: 'train', job, isWatched: onKept !== undefined },
            { signal, onStep, ...(onKept === undefined ? {} : { onKept }) },
          ).result;
          if (result === null) throw new Error('a training ended without a result');
          return result;
        },
      }),
    openSampler: async (adapter) => {
      const opening = begin({ kind: 'open', adapter });
      await opening.result;
      const sampler = opening.call;
      let closed = false;
      return {
        sample: async function* (requests, options = {}) {
          if (closed) throw samplerClosed();
          // Checks the requests here, so that errors are thrown as by other samplers.
          listSamplingCalls(requests, options);
          const { signal } = options;
          let answers: Answer[] = [];
          let outcome: 'open' | 'done' | { readonly cause: unknown } = 'open';
          let wake = (): void => undefined;
          const onAnswers = (more: readonly Answer[]): void => {
            answers.push(...more);
            wake();
          };
          const { call, result } = begin({ kind: 'sample', sampler, requests }, { signal, onAnswers });
          const settled = result.then(
            () => {
              outcome = 'done';
            },
            (cause: unknown) => {
              outcome = { cause };
            },
          );
          try {
            for (;;) {
              const next = answers;
              answers = [];
              yield* next;
              if (answers.length > 0) continue;
              // Callbacks change it, which the type checker does not see.
              const ended = outcome as 'open' | 'done' | { readonly cause: unknown };
              if (ended === 'done') return;
              if (ended !== 'open') throw ended.cause;
              const woken = new Promise<void>((resolve) => {
                wake = resolve;
              });
              await Promise.race([woken, settled]);
            }
          } finally {
            // Also reached when the consumer leaves its loop early.
            stopCall(call);
          }
        },
        close: async () => {
          if (closed) return;
          closed = true;
          // If the process has ended, the sampler is closed already.
          if (fault === null) await begin({ kind: 'close', sampler }).result;
        },
      };
    },
    close: async () => {
      fault ??= processEnded(settings.model, 'closed');
      if (started === null) return;
      if (started.child.connected) started.child.disconnect();
      await started.ended;
    },
  };
}

const goOn = (): Promise<KeptDecision> => Promise.resolve('go-on');

function processEnded(model: string, reason: string): DriftlineError {
  return new DriftlineError({
    code: 'engine-failed',
    message: `The process that runs ${model} ended: ${reason}`,
    hint: 'If memory ran out, run fewer cells at once (--cells-at-once 1). Finished work is stored: the same command continues from there.',
    details: { model, reason },
  });
}
