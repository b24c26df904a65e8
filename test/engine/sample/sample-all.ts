import { onTestFinished } from 'vitest';

import type { Checkpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { createDecodeRunner, type DecodeRunner, type Interventions } from '../../../src/engine/sample/decode-runner.js';
import { readLogits } from '../../../src/engine/sample/read-logits.js';
import { sampleAnswers, type SampleSettings } from '../../../src/engine/sample/sample-answers.js';
import type { SampledAnswer, SampleRequest } from '../../../src/engine/sample/sample-request.js';

export type Model = Pick<Checkpoint, 'config' | 'weights'>;

/** A runner that is released when the test is over. */
export async function openRunner(
  { config, weights }: Model,
  interventions: Interventions = {},
  threads = 1,
): Promise<DecodeRunner> {
  const runner = await createDecodeRunner(config, weights, interventions, threads);
  onTestFinished(() => runner.release());
  return runner;
}

/** All answers, in the order of their requests. */
export async function sampleAll(
  { config }: Model,
  runner: DecodeRunner,
  requests: readonly SampleRequest[],
  settings: Partial<SampleSettings> = {},
): Promise<SampledAnswer[]> {
  const answers: SampledAnswer[] = [];
  for await (const answer of sampleAnswers(config, runner, requests, { editedPrompts: true, ...settings })) {
    answers.push(answer);
  }
  return answers.sort((left, right) => left.request - right.request);
}

/** What the model says after every token of a whole row: log-probabilities [tokens][vocabulary], in double precision. */
export async function readLogProbabilities(
  { config }: Model,
  runner: DecodeRunner,
  ids: readonly number[],
): Promise<Float64Array[]> {
  const { data } = await readLogits(config, runner, ids);
  return ids.map((_, token) => logSoftmax(data.subarray(token * config.vocabulary, (token + 1) * config.vocabulary)));
}

export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const largest = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  return values.map((value) => value - largest - Math.log(total));
}
