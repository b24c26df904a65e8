import { DriftlineError } from '../../foundation/driftline-error.js';
import { parseSettings } from '../../foundation/explain-issue.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { checkOverride } from './key-value-override.js';
import { sampleRequestSchema, type ParsedSampleRequest, type SampleRequest } from './sample-request.js';

/** Refuses a request that is malformed or does not fit the model; `index` names the request in errors. */
export function parseSampleRequest(config: DecoderConfig, request: SampleRequest, index: number): ParsedSampleRequest {
  const what = `Sampling request ${String(index)}`;
  const { override, ...parsed } = parseSettings(sampleRequestSchema, request, what);
  const { prompt } = parsed;
  if (prompt.length >= config.context) {
    throw new DriftlineError({
      code: 'row-too-long',
      message: `${what} has a prompt of ${String(prompt.length)} tokens; the model's context of ${String(config.context)} leaves no room for an answer`,
      hint: 'Shorten the prompt.',
    });
  }
  const foreign = prompt.find((id) => id >= config.vocabulary);
  if (foreign !== undefined) {
    throw new DriftlineError({
      code: 'tokenizer-mismatch',
      message: `${what} has the token ${String(foreign)}, and the model's vocabulary ends at ${String(config.vocabulary - 1)}`,
      hint: 'Encode the prompt with the tokenizer of this model.',
    });
  }
  if (override === undefined) return parsed;
  checkOverride(config, override, prompt.length, what);
  // One that overrides nothing must not keep the prompt from being shared.
  return override.positions.length === 0 ? parsed : { ...parsed, override };
}
