import { APIConnectionError, APIError } from 'openai';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import type { ErrorCode } from '../../../foundation/error-codes.js';
import type { HostedVariables } from '../../services/hosted-service.js';
import { isSpent } from '../traffic/classify-failure.js';
import { CallTimedOut } from '../traffic/read-answer.js';

export interface HostedCall {
  readonly model: string;
  readonly endpoint: string;
  /** Never shown, whoever quotes it. */
  readonly key: string;
  /** Those that have the address and the key, for hints. */
  readonly variables: HostedVariables;
}

/** What went wrong with a hosted model. There is no `cause`: it might hold the key. */
export function translateHostedFailure(
  failure: unknown,
  { model, endpoint, key, variables }: HostedCall,
): DriftlineError {
  if (DriftlineError.isInstance(failure)) return failure;
  const { host } = new URL(endpoint);
  const shorten = (text: string): string => maskKey(text, key).slice(0, 500);
  const said = shorten(failure instanceof Error ? failure.message : String(failure));
  const status = failure instanceof APIError && typeof failure.status === 'number' ? failure.status : null;
  const fail = (code: ErrorCode, message: string, hint: string): DriftlineError =>
    new DriftlineError({ code, message, hint, details: { model, host, status } });

  if (isSpent(failure)) {
    return fail(
      'provider-quota',
      `${host} says that the account of this key is used up: ${said}`,
      'Add credit to the account or raise its limit; waiting does not help.',
    );
  }
  if (failure instanceof CallTimedOut) {
    return fail('provider-unavailable', `${host} took too long for ${model}: ${said}`, 'Ask again later.');
  }
  if (failure instanceof APIConnectionError) {
    return fail(
      'provider-unavailable',
      `${host} could not be reached: ${shorten(findReason(failure))}`,
      `Check the network, and ${variables.address}.`,
    );
  }
  switch (status) {
    case 401:
    case 403:
      // Servers quote the key in part: their words stay out.
      return fail(
        'provider-unauthorized',
        `${host} refused the key for ${model} (status ${status})`,
        `Check ${variables.key}, and that its project may use the model.`,
      );
    case 404:
      return fail(
        'provider-refused',
        `${host} has no model ${model}: ${said}`,
        `Check the spelling of the model, and ${variables.address}, which ends with /v1 for most servers.`,
      );
    case 429:
      return fail(
        'provider-quota',
        `${host} refused for its limits: ${said}`,
        'Wait and ask again, for fewer answers, or raise the limits of the account.',
      );
    case null:
      return fail(
        'provider-unavailable',
        `${host} gave no answer that can be read: ${said}`,
        `Check that ${variables.address} is the address of an OpenAI-compatible server.`,
      );
    default:
      return status >= 500
        ? fail('provider-unavailable', `${host} answered with a fault: ${said}`, 'Ask again later.')
        : fail(
            'provider-refused',
            `${host} rejected the request: ${said}`,
            'Change what the message names, and ask again.',
          );
  }
}

/** ECONNREFUSED, ENOTFOUND and their kind, or the words of the innermost cause of what fetch throws: undici's own codes say less than its words. */
function findReason(failure: Error): string {
  let reason = failure.message;
  for (let cause: unknown = failure; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string' && /^(?!UND_ERR_)[A-Z_0-9]+$/.test(cause.code))
      return cause.code;
    reason = cause.message;
  }
  return reason;
}

/** So many characters of a key tell nobody anything. */
const harmless = 10;

/** A text without a key, and without a beginning of it, as is left where a text was cut off. */
export function maskKey(text: string, key: string): string {
  let masked = text.replaceAll(key, '***');
  for (let length = key.length - 1; length > harmless; length -= 1)
    masked = masked.replaceAll(key.slice(0, length), '***');
  return masked;
}
