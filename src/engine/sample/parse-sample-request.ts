import { DriftlineError } from '../../foundation/driftline-error.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { describeProblems } from './describe-problems.js';
import { sampleRequestSchema, type ParsedSampleRequest, type SampleRequest } from './sample-request.js';

/** Refuses what makes no sense, or does not fit the model; `index` names the request in errors. */
export function parseSampleRequest(config: DecoderConfig, request: SampleRequest, index: number): ParsedSampleRequest {
  const parsed = sampleRequestSchema.safeParse(request);
  if (!parsed.success) {
    const known = Object.keys(sampleRequestSchema.shape);
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `Sampling request ${String(index)}: ${describeProblems(parsed.error, known)}`,
      hint: `Correct the request. Its settings are ${known.join(', ')}.`,
      cause: parsed.error,
    });
  }
  const { prompt } = parsed.data;
  if (prompt.length >= config.context) {
    throw new DriftlineError({
      code: 'row-too-long',
      message: `Sampling request ${String(index)} has a prompt of ${String(prompt.length)} tokens; the model's context of ${String(config.context)} leaves no room for an answer`,
      hint: 'Shorten the prompt.',
    });
  }
  const foreign = prompt.find((id) => id >= config.vocabulary);
  if (foreign !== undefined) {
    throw new DriftlineError({
      code: 'tokenizer-mismatch',
      message: `Sampling request ${String(index)} has the token ${String(foreign)}, and the model's vocabulary ends at ${String(config.vocabulary - 1)}`,
      hint: 'Encode the prompt with the tokenizer of this model.',
    });
  }
  return parsed.data;
}
