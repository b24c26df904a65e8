import { DriftlineError } from '../../foundation/driftline-error.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { AnswerBatch, usualSlots } from './answer-batch.js';
import type { DecodeRunner } from './decode-runner.js';
import { parseSampleRequest } from './parse-sample-request.js';
import type { SampledAnswer, SampleRequest } from './sample-request.js';

export interface SampleSettings {
  /** Sequences decoded at once. Default 32 to 128, by the size of the model. */
  readonly slots?: number;
  /** Whether interventions apply to prompts, too. */
  readonly editedPrompts: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Samples answers in the order in which they finish. Each answer depends on its request alone, not on its neighbours.
 */
export async function* sampleAnswers(
  config: DecoderConfig,
  runner: DecodeRunner,
  requests: readonly SampleRequest[],
  settings: SampleSettings,
): AsyncGenerator<SampledAnswer, void, undefined> {
  const { slots = usualSlots(config), editedPrompts, signal } = settings;
  if (!Number.isInteger(slots) || slots < 1) throw badSlots(slots);
  const finished: SampledAnswer[] = [];
  const batch = new AnswerBatch(config, runner, { slots, editedPrompts });
  batch.add({
    requests: requests.map((request, index) => parseSampleRequest(config, request, index)),
    onAnswer: (answer) => finished.push(answer),
    onFault: (fault) => {
      throw fault;
    },
  });
  while (!batch.isIdle) {
    // Lets messages of other threads in: a run of the graph blocks this one.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    if (signal?.aborted === true) throw samplingStopped();
    await batch.step();
    yield* finished.splice(0);
  }
}

function badSlots(slots: number): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `Sampling cannot use ${String(slots)} slots`,
    hint: 'Give a whole number of slots, at least 1; 32 is usual.',
  });
}

export function samplingStopped(): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: 'Sampling was stopped; the answers so far have been handed out',
    hint: 'Ask for the missing answers again: each depends on its own seed alone.',
  });
}
