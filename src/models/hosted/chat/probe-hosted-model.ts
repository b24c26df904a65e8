import { APIConnectionError, APIError } from 'openai';
import { z } from 'zod';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { nearestName } from '../../../foundation/find-by-name.js';
import {
  callWithOwnSignal,
  createHostedClient,
  type HostedClient,
  type HostedClientSettings,
} from '../client/hosted-client.js';
import type { HostedReference } from '../../model-reference.js';
import { isAboutLogProbabilities } from './open-hosted-judge.js';
import { withoutFirstTokens } from './hosted-first-tokens.js';
import { readCompletion, readServiceLogProbabilities, adaptRequest } from '../client/hosted-connection.js';
import { likeliestTokens, withoutLogProbabilities } from '../../services/hosted-service.js';
import { explainEnd } from '../../services/retirements.js';
import { services } from '../../services/services.js';

/** What a plan will ask of a model. */
export interface HostedNeeds {
  readonly temperature: number;
  /** Whether a conversation begins with a system prompt. */
  readonly systemPrompt: boolean;
  /** Whether a judge is scored by them, or answers are asked for their likeliest first tokens. */
  readonly logProbabilities: boolean;
}

export interface ProbeSettings extends Omit<HostedClientSettings, 'service'> {
  readonly model: HostedReference;
  readonly needs: HostedNeeds;
  /** What the model is probed for. Default answers. */
  readonly use?: 'answers' | 'judgements';
  readonly signal?: AbortSignal;
}

/** Milliseconds: a list is there at once, and a server may have to load a model before its first token. */
const [listTimeOut, tokenTimeOut] = [10_000, 60_000];

/**
 * Asks a server for its list of models, which costs nothing, and for one token in the way in which a plan will ask,
 * which costs next to nothing. What the model cannot do is an error; returned is what the user should know. A server
 * that is not there, or that wants a key that is not set, is no fault of a plan: then nothing is known, which is said.
 */
export async function probeHostedModel({
  model,
  needs,
  use = 'answers',
  signal,
  ...settings
}: ProbeSettings): Promise<readonly string[]> {
  const { variables = services[model.provider].variables, environment } = settings;
  const unknown = (why: string): readonly string[] => [`what ${model.text} can do is not checked: ${why}`];
  if (services[model.provider].needsKey && (environment[variables.key] ?? '').trim() === '')
    return unknown(`${variables.key} is not set`);
  const hosted = createHostedClient({ ...settings, service: model.provider });
  const whyUnknown = await listModels(hosted, model, use, signal);
  // Who cannot be reached is not asked twice.
  if (whyUnknown !== null) return unknown(whyUnknown);
  return askOneToken(hosted, model, { ...needs, use }, unknown, signal);
}

const listed = z.array(z.looseObject({ id: z.string(), owned_by: z.string().nullish() }));
/** Some services have the bare list. */
const listSchema = z.union([z.looseObject({ data: listed }).transform(({ data }) => data), listed]);

/** Why nothing is known, or null: the model may be there. */
async function listModels(
  { client, host, service, explain }: HostedClient,
  { text, model }: HostedReference,
  use: 'answers' | 'judgements',
  signal: AbortSignal | undefined,
): Promise<string | null> {
  let answer: unknown;
  try {
    answer = await callWithOwnSignal(signal, (own) =>
      client.get('/models', { signal: own, timeout: listTimeOut, maxRetries: 0 }),
    );
  } catch (failure) {
    if (signal?.aborted === true) throw explain(failure, text);
    const problem = explain(failure, model, use);
    if (problem.code === 'provider-unauthorized') throw problem;
    // Servers that lack the list may have the model all the same.
    return failure instanceof APIConnectionError ? problem.message : null;
  }
  const parsed = listSchema.safeParse(answer);
  if (!parsed.success || parsed.data.length === 0) return null;
  const names = parsed.data.map(({ id }) => id);
  const isWhole = service.listsAllModels || parsed.data.some(({ owned_by: owner }) => owner === 'driftline');
  if (isWhole && !names.includes(model) && !names.includes(`${model}:latest`))
    throw missing(host, model, names, explainEnd(service, model, use));
  return null;
}

async function askOneToken(
  { client, host, service, explain }: HostedClient,
  { text, model }: HostedReference,
  { temperature, systemPrompt, logProbabilities, use }: HostedNeeds & { readonly use: 'answers' | 'judgements' },
  unknown: (why: string) => readonly string[],
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  // Answers are asked for as many as there are; a judge's score needs all.
  const { most } = service.chat.logProbabilities;
  const wanted = use === 'answers' ? Math.min(likeliestTokens, most ?? likeliestTokens) : likeliestTokens;
  const request = {
    model,
    messages: [
      ...(systemPrompt ? [{ role: 'system' as const, content: 'You answer with a number.' }] : []),
      { role: 'user' as const, content: 'Which number is half of 100?' },
    ],
    temperature,
    top_p: 1,
    seed: 0,
    ...(logProbabilities ? { logprobs: true, top_logprobs: wanted } : {}),
  };
  const withoutThem = use === 'judgements' ? withoutLogProbabilities : withoutFirstTokens;
  let completion: unknown;
  try {
    completion = await callWithOwnSignal(signal, (own) =>
      client.chat.completions.create(adaptRequest(request, 1, service.chat), {
        signal: own,
        timeout: tokenTimeOut,
        maxRetries: 0,
      }),
    );
    readCompletion(completion);
  } catch (failure) {
    if (logProbabilities && isAboutLogProbabilities(failure)) throw withoutThem(text, `${host} refused to give them`);
    const problem = explain(failure, model, use);
    if (signal?.aborted === true || problem.code === 'provider-unauthorized') throw problem;
    if (failure instanceof APIError && [400, 404, 422].includes(Number(failure.status)))
      throw cannotAnswer(text, problem, failure.status === 404 ? explainEnd(service, model, use) : null);
    return unknown(problem.message);
  }
  const distribution = logProbabilities ? readServiceLogProbabilities(completion, service.chat) : [];
  if (distribution === null) throw withoutThem(text, `the answer of ${host} has none`);
  const asked = `${text} was asked for one token, to see that it does what the plan asks: that costs next to nothing`;
  return logProbabilities && distribution.length < wanted
    ? [asked, `${text} gave ${String(distribution.length)} log-probabilities where ${String(wanted)} were asked for`]
    : [asked];
}

function missing(host: string, model: string, names: readonly string[], end: string | null): DriftlineError {
  const nearest = nearestName(model, names);
  const shown = names.slice(0, 10).join(', ');
  return new DriftlineError({
    code: 'provider-refused',
    message: `${host} has no model ${model}${nearest === null ? '' : ` (did you mean ${nearest}?)`}`,
    hint: `${end === null ? '' : `${end} `}It has ${shown}${names.length > 10 ? ` and ${String(names.length - 10)} more` : ''}.`,
    details: { model, host },
  });
}

function cannotAnswer(model: string, { message, details }: DriftlineError, end: string | null): DriftlineError {
  return new DriftlineError({
    code: 'provider-refused',
    message: `${model} does not do what the plan asks: ${message}`,
    hint: `${end === null ? '' : `${end} `}Change what the message names, such as the temperature or the system prompts of the evaluations, or name another model.`,
    details,
  });
}
