import OpenAI, { AzureOpenAI } from 'openai';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { readHostedEndpoint, readHostedVersion } from '../../services/hosted-endpoint.js';
import type { HostedVariables, HostedService } from '../../services/hosted-service.js';
import { findService, services, type ServiceName } from '../../services/services.js';
import { keyFileVariable } from '../../services/read-key-file.js';
import { type HostedTraffic, shareHostedTraffic } from '../traffic/hosted-traffic.js';
import { translateHostedFailure } from './translate-hosted-failure.js';

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
  /** What went wrong with a model; never shows the key. */
  readonly explain: (failure: unknown, model: string) => DriftlineError;
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
  return {
    client: version === null ? new OpenAI(settings) : new AzureOpenAI({ ...settings, apiVersion: version }),
    service: findService(name, endpoint),
    endpoint,
    host: new URL(endpoint).host,
    key,
    traffic: traffic ?? shareHostedTraffic(fetch, endpoint, key),
    explain: (failure, model) => translateHostedFailure(failure, { model, endpoint, key, variables }),
  };
}

/** Sent where no key is wanted: the client does not go without one. It is unlike any word that an error has. */
const noKey = 'driftline-has-no-key';

function readKey(
  environment: HostedClientSettings['environment'],
  variables: HostedVariables,
  { needsKey }: HostedService,
): string {
  const key = environment[variables.key]?.trim() ?? '';
  if (key === '' && !needsKey) return noKey;
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  // A key with other characters must not be left to fetch to refuse: its message would spell it out.
  throw new DriftlineError({
    code: 'provider-unauthorized',
    message: key === '' ? `${variables.key} is not set` : `${variables.key} has characters that no key has`,
    hint: `Set ${variables.key} to your key, in the environment or in the file that ${keyFileVariable} names; for a local server that wants none, set it to any word.`,
  });
}
