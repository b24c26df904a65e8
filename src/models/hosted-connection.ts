import OpenAI from 'openai';
import { DriftlineError } from '../foundation/driftline-error.js';
import { officialEndpoint, readHostedEndpoint } from './hosted-endpoint.js';
import type { HostedTraffic } from './traffic/hosted-traffic.js';
import { readAnswer, UnreadableAnswer } from './traffic/read-answer.js';
import { shareHostedTraffic } from './traffic/share-hosted-traffic.js';
import { usualVariables, type HostedVariables } from './hosted-variables.js';
import { translateHostedFailure } from './translate-hosted-failure.js';

export interface HostedConnectionSettings {
  /** OPENAI_API_KEY; OPENAI_BASE_URL for other servers of the protocol; OPENAI_ORG_ID, OPENAI_PROJECT_ID. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
  /** Which variables have the address and the key; OPENAI_BASE_URL and OPENAI_API_KEY if not given. */
  readonly variables?: HostedVariables;
  /** What calls go through; that of all who have the same `fetch`, server and key if not given. */
  readonly traffic?: HostedTraffic;
}

/** What is asked for, but for the longest answer. */
export type HostedRequest = Omit<
  OpenAI.ChatCompletionCreateParamsNonStreaming,
  'max_tokens' | 'max_completion_tokens' | 'stream'
>;

/** A server of OpenAI's chat completions. */
export interface HostedConnection {
  readonly host: string;
  /**
   * One completion as the server wrote it, asked for when its limits allow, and again where that can help; failures are those of the client, for
   * `explain`. `leave` comes before or with the signal, and gives up what is not under way.
   */
  readonly complete: (
    request: HostedRequest,
    maximumTokens: number,
    signal: AbortSignal,
    leave?: AbortSignal,
  ) => Promise<unknown>;
  /** What went wrong with a model; never shows the key. */
  readonly explain: (failure: unknown, model: string) => DriftlineError;
}

export function openHostedConnection({
  environment,
  fetch,
  variables = usualVariables,
  traffic: given,
}: HostedConnectionSettings): HostedConnection {
  const { key, endpoint } = readConnection(environment, variables);
  const traffic = given ?? shareHostedTraffic(fetch, endpoint, key);
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
  // OpenAI's newer models refuse `max_tokens`; older servers of other makers ignore its successor.
  const lengthSetting = endpoint === officialEndpoint ? 'max_completion_tokens' : 'max_tokens';
  return {
    host: new URL(endpoint).host,
    complete: (request, maximumTokens, signal, leave = signal) =>
      traffic.send({
        attempt: async (stop) => {
          const response = await client.chat.completions
            .create(
              { ...request, [lengthSetting]: maximumTokens },
              // What is sent again, and when, is for the traffic to decide.
              { signal: stop, maxRetries: 0 },
            )
            .asResponse();
          return { result: requireChoices(await readAnswer(response)), headers: response.headers };
        },
        tokens: estimateTokens(request) + maximumTokens,
        signal,
        leave,
      }),
    explain: (failure, model) => translateHostedFailure(failure, { model, endpoint, key, variables }),
  };
}

/** Some servers and proxies say what went wrong with status 200. */
function requireChoices(answer: unknown): unknown {
  if (typeof answer === 'object' && answer !== null && 'choices' in answer) return answer;
  throw new UnreadableAnswer(`it is no chat completion: ${JSON.stringify(answer).slice(0, 200)}`);
}

/** A quarter of the characters. */
function estimateTokens({ messages }: HostedRequest): number {
  let characters = 0;
  for (const { content } of messages) if (typeof content === 'string') characters += content.length;
  return Math.ceil(characters / 4);
}

function readConnection(
  environment: HostedConnectionSettings['environment'],
  variables: HostedVariables,
): { key: string; endpoint: string } {
  const key = environment[variables.key]?.trim() ?? '';
  if (!/^[\x21-\x7e]+$/.test(key)) {
    // A key with other characters must not be left to fetch to refuse: its message would spell it out.
    throw new DriftlineError({
      code: 'provider-unauthorized',
      message: key === '' ? `${variables.key} is not set` : `${variables.key} has characters that no key has`,
      hint: `Set ${variables.key} to your key; for a local server that wants none, set it to any word.`,
    });
  }
  return { key, endpoint: readHostedEndpoint(environment, variables.address) };
}
