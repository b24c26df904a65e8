import { faultOf } from '../../engine/worker/sampler-messages.js';
import type { Answer, Sampler } from '../sampler.js';
import type { KeptDecision, TrainingResult } from '../trainer.js';
import type { FromModelProcess, ModelProcessSettings, ToModelProcess } from './model-process-messages.js';
import { openEmbeddedSampler } from './open-embedded-sampler.js';
import { openEmbeddedTrainer, type EmbeddedTrainer } from './open-embedded-trainer.js';

/** The process behind `openModelProcess`: it trains a model and asks it. */

/** Milliseconds in which answers are collected into one message, since each message costs its reader some time. */
const patience = 20;

let settings: ModelProcessSettings | null = null;
let trainer: Promise<EmbeddedTrainer> | null = null;
const samplers = new Map<number, Sampler>();
const stops = new Map<number, AbortController>();
const heard = new Map<number, () => void>();
const decided = new Map<number, (decision: KeptDecision) => void>();

// The parent decides when this process ends; Ctrl-C reaches both.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
// The parent has ended, and may have been killed. All work is saved, or can be done again.
process.on('disconnect', () => process.exit());

process.on('message', (message: ToModelProcess) => {
  if (message.kind === 'start') settings = message.settings;
  else if (message.kind === 'stop') stops.get(message.call)?.abort();
  else if (message.kind === 'go-on') heard.get(message.call)?.();
  else if (message.kind === 'decided') decided.get(message.call)?.(message.decision);
  else
    answer(message).then(
      (result) => {
        post({ kind: 'done', call: message.call, result });
      },
      (error: unknown) => {
        post({ kind: 'fault', call: message.call, fault: faultOf(error) });
      },
    );
});

function post(message: FromModelProcess): void {
  // A failed send needs no handling: this process ends when the parent is gone.
  process.send?.(message, undefined, {}, () => undefined);
}

async function answer(
  message: Exclude<ToModelProcess, { readonly kind: 'start' | 'go-on' | 'decided' | 'stop' }>,
): Promise<TrainingResult | null> {
  if (settings === null) throw new Error('a model process was called before it was started');
  const { model, modelHash, threads, memory } = settings;
  const { call } = message;
  const stop = new AbortController();
  stops.set(call, stop);
  try {
    switch (message.kind) {
      case 'train':
        trainer ??= openEmbeddedTrainer({ model, modelHash, threads, clock: () => performance.now() });
        return await (
          await trainer
        ).train(message.job, {
          signal: stop.signal,
          onStep: ({ step, steps, loss, millisecondsLeft }) => {
            // The next step waits for the parent, which may stop the training here.
            return new Promise<void>((resolve) => {
              heard.set(call, resolve);
              post({ kind: 'step', call, progress: { step, steps, loss, millisecondsLeft } });
            });
          },
          ...(message.isWatched
            ? {
                onKept: (step, model) =>
                  new Promise<KeptDecision>((resolve) => {
                    decided.set(call, resolve);
                    post({ kind: 'kept', call, step, model });
                  }),
              }
            : {}),
        });
      case 'open': {
        const adapter = message.adapter === null ? {} : { adapter: message.adapter };
        const limit = memory === undefined ? {} : { memory };
        samplers.set(call, await openEmbeddedSampler({ model, threads, ...adapter, ...limit, signal: stop.signal }));
        return null;
      }
      case 'sample':
        await sample(message, stop.signal);
        return null;
      case 'close':
        await samplers.get(message.sampler)?.close();
        samplers.delete(message.sampler);
        return null;
    }
  } finally {
    stops.delete(call);
  }
}

async function sample(
  { call, sampler, requests }: Extract<ToModelProcess, { readonly kind: 'sample' }>,
  signal: AbortSignal,
): Promise<void> {
  let answers: Answer[] = [];
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (answers.length > 0) post({ kind: 'answers', call, answers });
    answers = [];
  };
  try {
    for await (const one of samplers.get(sampler)?.sample(requests, { signal }) ?? []) {
      answers.push(one);
      timer ??= setTimeout(flush, patience);
    }
  } finally {
    flush();
  }
}
