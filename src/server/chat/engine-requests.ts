import type { SampleRequest } from '../../engine/sample/sample-request.js';
import { badRequest } from '../http/protocol-error.js';
import type { LoadedModel } from '../models/load-model.js';
import type { CompletionSettings } from './completion-form.js';

/** No text has so few tokens; one that is longer need not be encoded, which would hold up everybody. */
const mostCharactersOfToken = 100;

/** One request a choice. Throws what is wrong with them before anything is sampled. */
export function engineRequests(
  { encode, context }: LoadedModel,
  { request, seed, messagesKey }: CompletionSettings,
): readonly [SampleRequest, ...SampleRequest[]] {
  const tooLong = (length: string): Error => {
    const message = `The messages have ${length}, and the model's context is ${context} tokens`;
    return badRequest(message, messagesKey, 'context_length_exceeded');
  };
  const length = request.messages.reduce((sum, { content }) => sum + content.length, 0);
  if (length > mostCharactersOfToken * context) throw tooLong(`${length} characters`);
  const prompt = encode(request.messages, request.ending);
  if (prompt === null) {
    const message = 'The template does not write the last message as it is, so that it cannot be continued';
    throw badRequest(message, messagesKey, 'invalid_value');
  }
  const room = context - prompt.length;
  if (room < 1) throw tooLong(`${prompt.length} tokens`);
  const [first, ...rest] = prompt;
  if (first === undefined) throw badRequest('The messages are no text to the model', messagesKey, 'invalid_value');
  if (!Number.isSafeInteger(seed + request.choices)) throw badRequest('seed: too large', 'seed', 'invalid_value');
  const ofPrompt = request.promptLogProbabilities;
  const choice = (index: number): SampleRequest => ({
    prompt: [first, ...rest],
    seed: seed + index,
    temperature: request.temperature,
    topP: request.topP,
    topK: request.topK,
    maximumTokens: Math.min(request.maximumTokens ?? room, room),
    logProbabilities: request.logProbabilities,
    // The engine lists as many everywhere; who wanted fewer is told fewer.
    topLogProbabilities: Math.max(request.topLogProbabilities, ofPrompt ?? 0),
    promptLogProbabilities: ofPrompt !== null && index === 0,
  });
  return [choice(0), ...Array.from({ length: request.choices - 1 }, (_, index) => choice(index + 1))];
}
