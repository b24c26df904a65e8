import OpenAI from 'openai';
import { APIConnectionError, APIError, AzureOpenAI } from 'openai';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import type { ErrorCode } from '../../../foundation/error-codes.js';
import {
  type HostedService,
  type HostedVariables,
  readHostedEndpoint,
  readHostedVersion,
} from '../../services/hosted-service.js';
import { keyFileVariable } from '../../services/read-key-file.js';
import { type EndedUse, explainEnd } from '../../services/retirements.js';
import { findService, type ServiceName, services } from '../../services/services.js';
import { CallTimedOut, type HostedTraffic, isSpent, shareHostedTraffic } from '../traffic/hosted-traffic.js';

export interface HostedClientSettings {
  /** The variables of the service; OPENAI_ORG_ID, OPENAI_PROJECT_ID. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
  /** Default openai, which may be at any address. */
  readonly service?: ServiceName;
  /** Which variables have the address and the key; those of the service if not given. */
  readonly variables?: HostedVariables;
  /** What calls go through; that of all who have the same `fetch`, server and key if not given. */
  readonly traffic?: HostedTraffic;
}

/** OpenAI's own client, at the address and with the key that the environment says. */
export interface HostedClient {
  readonly client: OpenAI;
  /** Who answers at the endpoint, as far as that is known. */
  readonly service: HostedService;
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly host: string;
  /** For whoever keeps accounts apart; never to be shown. */
  readonly key: string;
  /** What calls go through. */
  readonly traffic: HostedTraffic;
  /** What went wrong with a model, and with what it is used for, answers if not given; never shows the key. */
  readonly explain: (failure: unknown, model: string, use?: EndedUse) => DriftlineError;
}

export function createHostedClient({
  environment,
  fetch,
  service: name = 'openai',
  variables = services[name].variables,
  traffic,
}: HostedClientSettings): HostedClient {
  const known: HostedService = services[name];
  const key = readKey(environment, variables, known);
  const endpoint = readHostedEndpoint(environment, known, variables.address);
  const version = readHostedVersion(environment, known);
  // They belong to the key that they are set for.
  const isUsualKey = variables.key === services.openai.variables.key;
  const settings = {
    apiKey: key,
    baseURL: endpoint,
    organization: (isUsualKey ? environment['OPENAI_ORG_ID'] : undefined) ?? null,
    project: (isUsualKey ? environment['OPENAI_PROJECT_ID'] : undefined) ?? null,
    adminAPIKey: null,
    webhookSecret: null,
    fetch,
    // Otherwise the client would write to the console whenever OPENAI_LOG says so.
    logLevel: 'off' as const,
  };
  const service = findService(name, endpoint);
  return {
    client: version === null ? new OpenAI(settings) : new AzureOpenAI({ ...settings, apiVersion: version }),
    service,
    endpoint,
    host: new URL(endpoint).host,
    key,
    traffic: traffic ?? shareHostedTraffic(fetch, endpoint, key),
    explain: (failure, model, use = 'answers') =>
      translateHostedFailure(failure, { model, use, service, endpoint, key, variables }),
  };
}

/** Sent where no key is wanted: the client does not go without one. It is unlike any word that an error has. */
const noKey = 'driftline-has-no-key';

function readKey(
  environment: HostedClientSettings['environment'],
  variables: HostedVariables,
  { needsKey, name }: HostedService,
): string {
  const key = environment[variables.key]?.trim() ?? '';
  if (key === '' && !needsKey) return noKey;
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  // A key with other characters must not be left to fetch to refuse: its message would spell it out.
  throw new DriftlineError({
    code: 'provider-unauthorized',
    message: key === '' ? `${variables.key} is not set` : `${variables.key} has characters that no key has`,
    hint: `Set ${variables.key} to your key, in the environment or in the file that ${keyFileVariable} names${name === 'openai' ? '; for a local server that wants none, set it to any word' : ''}.`,
  });
}

/**
 * Gives a call a signal of its own that follows another. OpenAI's client never takes its listener off the signal that
 * it is given: one for all calls would gather thousands.
 */
export async function callWithOwnSignal<Result>(
  signal: AbortSignal | undefined,
  call: (own: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const own = new AbortController();
  const stop = (): void => {
    own.abort();
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await call(own.signal);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

interface HostedCall {
  readonly model: string;
  readonly use: EndedUse;
  readonly service: HostedService;
  readonly endpoint: string;
  /** Never shown, whoever quotes it. */
  readonly key: string;
  /** Those that have the address and the key, for hints. */
  readonly variables: HostedVariables;
}

/** What went wrong with a hosted model. There is no `cause`: it might hold the key. */
function translateHostedFailure(
  failure: unknown,
  { model, use, service, endpoint, key, variables }: HostedCall,
): DriftlineError {
  if (DriftlineError.isInstance(failure)) return failure;
  const { host } = new URL(endpoint);
  const shorten = (text: string): string => maskKey(text, key).slice(0, 500);
  const said = shorten(failure instanceof Error ? failure.message : String(failure));
  const status = failure instanceof APIError && typeof failure.status === 'number' ? failure.status : null;
  const fail = (code: ErrorCode, message: string, hint: string): DriftlineError =>
    new DriftlineError({ code, message, hint, details: { model, host, status } });
  // What has ended is the likelier reason, and is named first.
  const end = isAboutEnd(failure, use) ? explainEnd(service, model.replace(`${service.name}:`, ''), use) : null;
  const ended = end === null ? '' : `${end} `;

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
        `${host} refused ${use === 'fine-tuning' ? `to fine-tune ${model} with this key` : `the key for ${model}`} (status ${status})`,
        `${ended}Check ${variables.key}, and that its project may ${use === 'fine-tuning' ? 'fine-tune' : 'use'} the model.`,
      );
    case 404:
      return fail(
        'provider-refused',
        `${host} has no model ${model}: ${said}`,
        `${ended}Check the spelling of the model, and ${variables.address}, which ends with /v1 for most servers.`,
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
            `${ended}Change what the message names, and ask again.`,
          );
  }
}

/** Whether a failure may be that of a model or a service which is not there any more. Nobody knows in which words a service will say so. */
function isAboutEnd(failure: unknown, use: EndedUse): boolean {
  if (!(failure instanceof APIError)) return false;
  const status = Number(failure.status);
  return (
    [404, 410].includes(status) ||
    (use === 'fine-tuning' && status === 403) ||
    failure.code === 'model_not_found' ||
    (status < 500 && /retired|deprecated|shut ?down|sunset|no longer|not available/i.test(failure.message))
  );
}

/**
 * ECONNREFUSED, ENOTFOUND and their kind, or the words of the innermost cause of what fetch throws: undici's own codes
 * say less than its words.
 */
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
