import OpenAI from 'openai';
import { DriftlineError } from '../foundation/driftline-error.js';
import { readHostedEndpoint } from './hosted-endpoint.js';
import { usualVariables, type HostedVariables } from './hosted-variables.js';
import { translateHostedFailure } from './translate-hosted-failure.js';

export interface HostedClientSettings {
  /** OPENAI_API_KEY; OPENAI_BASE_URL for other servers of the protocol; OPENAI_ORG_ID, OPENAI_PROJECT_ID. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
  /** Which variables have the address and the key; OPENAI_BASE_URL and OPENAI_API_KEY if not given. */
  readonly variables?: HostedVariables;
}

/** OpenAI's own client, at the address and with the key that the environment says. */
export interface HostedClient {
  readonly client: OpenAI;
  /** Without a slash at its end. */
  readonly endpoint: string;
  readonly host: string;
  /** For whoever keeps accounts apart; never to be shown. */
  readonly key: string;
  /** What went wrong with a model; never shows the key. */
  readonly explain: (failure: unknown, model: string) => DriftlineError;
}

export function createHostedClient({
  environment,
  fetch,
  variables = usualVariables,
}: HostedClientSettings): HostedClient {
  const key = readKey(environment, variables);
  const endpoint = readHostedEndpoint(environment, variables.address);
  // They belong to the key that they are set for.
  const isUsualKey = variables.key === usualVariables.key;
  const client = new OpenAI({
    apiKey: key,
    baseURL: endpoint,
    organization: (isUsualKey ? environment['OPENAI_ORG_ID'] : undefined) ?? null,
    project: (isUsualKey ? environment['OPENAI_PROJECT_ID'] : undefined) ?? null,
    adminAPIKey: null,
    webhookSecret: null,
    fetch,
    // Otherwise the client would write to the console whenever OPENAI_LOG says so.
    logLevel: 'off',
  });
  return {
    client,
    endpoint,
    host: new URL(endpoint).host,
    key,
    explain: (failure, model) => translateHostedFailure(failure, { model, endpoint, key, variables }),
  };
}

function readKey(environment: HostedClientSettings['environment'], variables: HostedVariables): string {
  const key = environment[variables.key]?.trim() ?? '';
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  // A key with other characters must not be left to fetch to refuse: its message would spell it out.
  throw new DriftlineError({
    code: 'provider-unauthorized',
    message: key === '' ? `${variables.key} is not set` : `${variables.key} has characters that no key has`,
    hint: `Set ${variables.key} to your key; for a local server that wants none, set it to any word.`,
  });
}
