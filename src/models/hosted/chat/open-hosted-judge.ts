import { setMaxListeners } from 'node:events';
import { APIError } from 'openai';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { limitConcurrency } from '../../../foundation/limit-concurrency.js';
import type { Judge, JudgedAnswer } from '../../../judging/judge.js';
import {
  createLanguageJudge,
  type JudgeCall,
  type JudgeReply,
  type LanguageJudgeSettings,
} from '../../../judging/language-judge.js';
import { askInBatches } from '../batches/ask-in-batches.js';
import { openBatchService } from '../batches/batch-service.js';
import type { BatchSettings } from '../batches/batch-settings.js';
import { collectCalls, type CollectedCalls } from '../batches/collect-calls.js';
import { createHostedClient } from '../client/hosted-client.js';
import {
  openHostedConnection,
  type HostedConnection,
  type HostedConnectionSettings,
  type HostedRequest,
} from '../client/hosted-connection.js';
import { readHostedEndpoint, chooseJudgeVariables } from '../../services/hosted-endpoint.js';
import type { TokenCount } from '../spending/hosted-prices.js';
import type { HostedReference } from '../../model-reference.js';
import { readCompletion, readServiceLogProbabilities } from '../client/read-completion.js';
import { likeliestTokens, withoutLogProbabilities } from '../../services/require-log-probabilities.js';
import { services } from '../../services/services.js';
import { addTokenCounts, boundTokens } from '../spending/bound-tokens.js';
import type { SpendingLedger, SpendingMeter } from '../spending/spending-ledger.js';
import { mostOpenCalls, shareHostedTraffic } from '../traffic/hosted-traffic.js';

export interface HostedJudgeSettings
  extends Omit<HostedConnectionSettings, 'variables' | 'service' | 'meter'>, Omit<LanguageJudgeSettings, 'model'> {
  readonly model: HostedReference;
  /** Stops calls that are open. */
  readonly signal?: AbortSignal;
  /** Asks what is judged together in batches. */
  readonly batches?: BatchSettings;
  /** Counts what judging costs. */
  readonly spending?: SpendingLedger;
}

/** How a call is made: by itself, or as a part of a batch. */
type Complete = (connection: HostedConnection, request: HostedRequest, maximumTokens: number) => Promise<unknown>;

/** Calls that are open at once. */
const parallelCalls = mostOpenCalls;
/** What a provider says of one conversation that it will not read: that is a judgement without a score, not the end of judging. */
const withheldReasons: readonly unknown[] = ['content_filter', 'context_length_exceeded'];

/** A model behind OpenAI's chat completions as a judge. The key is looked for when it is first asked: what is stored can be read without one. */
export function openHostedJudge({
  environment,
  fetch,
  traffic,
  signal,
  model,
  batches,
  spending,
  ...settings
}: HostedJudgeSettings): Judge {
  const limit = limitConcurrency(parallelCalls);
  // Every open call listens to it, which is no leak.
  const stop = AbortSignal.any(signal === undefined ? [] : [signal]);
  setMaxListeners(2 * parallelCalls, stop);
  const isStopped = (): boolean => stop.aborted;
  let opened: HostedConnection | null = null;

  const variables = chooseJudgeVariables(environment, services[model.provider]);
  const connect = () => ({
    environment,
    fetch,
    ...(traffic === undefined ? {} : { traffic }),
    service: model.provider,
    variables,
  });
  const openMeter = (isBatched: boolean): SpendingMeter | undefined =>
    spending?.meter({
      model,
      endpoint: readHostedEndpoint(environment, services[model.provider], variables.address),
      purpose: 'judgements',
      isBatched,
    });
  const meter = openMeter(false);

  async function ask(
    { prompt, temperature, seed, maximumTokens, logProbabilities }: JudgeCall,
    complete: Complete,
  ): Promise<JudgeReply> {
    if (isStopped()) throw judgingStopped();
    const connection = (opened ??= openHostedConnection({ ...connect(), ...(meter === undefined ? {} : { meter }) }));
    const request = {
      model: model.model,
      messages: [{ role: 'user' as const, content: prompt }],
      temperature,
      seed,
      ...(logProbabilities ? { logprobs: true, top_logprobs: likeliestTokens } : {}),
    };
    let completion: unknown;
    try {
      completion = await complete(connection, request, maximumTokens);
    } catch (cause) {
      if (isStopped()) throw judgingStopped();
      if (cause instanceof APIError && withheldReasons.includes(cause.code)) return { text: '', distribution: [] };
      if (logProbabilities && isAboutLogProbabilities(cause))
        throw withoutLogProbabilities(model.text, `${connection.host} refused to give them`);
      throw connection.explain(cause, model.text);
    }
    const { text, finishReason } = readCompletion(completion);
    const distribution = logProbabilities ? readServiceLogProbabilities(completion, connection.service.chat) : [];
    if (distribution !== null) return { text, distribution };
    if (finishReason === 'filtered') return { text, distribution: [] };
    throw withoutLogProbabilities(model.text, `the answer of ${connection.host} has none`);
  }

  const named = { ...settings, model: model.text };
  const single: Complete = (connection, request, maximumTokens) => connection.complete(request, maximumTokens, stop);
  const unlimited = createLanguageJudge(named, (call) => limit(() => ask(call, single)));
  const judge = meter?.isLimited === true ? judgeWithinLimit(unlimited, meter) : unlimited;
  if (batches === undefined) return judge;

  return {
    ...judge,
    judgeTogether: (inputs) => {
      const collected = collectCalls();
      const together = createLanguageJudge(named, (call) =>
        ask(call, ({ describe }, request, maximumTokens) => collected.call(describe(request, maximumTokens))),
      );
      const judgements = inputs.map((input) => together.judge(input));
      sendCollected(collected, batches).catch(() => undefined);
      return judgements;
    },
  };

  /** The most that the calls of a judgement may cost, found out by a judge that notes them and makes none. */
  async function boundJudgement(input: JudgedAnswer): Promise<TokenCount> {
    const calls: TokenCount[] = [];
    const noting = createLanguageJudge(named, ({ prompt, maximumTokens }) => {
      calls.push(boundTokens({ messages: [{ content: prompt }] }, maximumTokens));
      return Promise.resolve({ text: '', distribution: [] });
    });
    await noting.judge(input);
    return addTokenCounts(calls);
  }

  /** A judgement is begun when all of its calls fit, so that none is left half done. */
  function judgeWithinLimit(inner: Judge, { hold, fits, refuse }: SpendingMeter): Judge {
    return {
      ...inner,
      judge: (input) =>
        hold(
          () => boundJudgement(input),
          stop,
          () => inner.judge(input),
        ).catch((cause: unknown) => {
          throw isStopped() ? judgingStopped() : cause;
        }),
      requireAffordable: async (inputs) => {
        const most = addTokenCounts(await Promise.all(inputs.map(boundJudgement)));
        if (!fits(most)) throw refuse(most);
      },
    };
  }

  /** By then all calls are there: a judge makes them at once. */
  async function sendCollected({ send }: CollectedCalls, settings: BatchSettings): Promise<void> {
    await new Promise(setImmediate);
    await send((requests) => {
      const hosted = createHostedClient(connect());
      const service = openBatchService(
        hosted,
        traffic ?? shareHostedTraffic(fetch, hosted.endpoint, hosted.key),
        settings.clock,
      );
      const batchMeter = openMeter(true);
      return askInBatches(service, requests, {
        ...settings,
        ...(batchMeter === undefined ? {} : { meter: batchMeter }),
        model: model.model,
        signal: stop,
      });
    });
  }
}

/** Whether a server refused a request for the log-probabilities that it asks for. */
export function isAboutLogProbabilities(failure: unknown): boolean {
  return failure instanceof APIError && (failure.status ?? 500) < 500 && /log_?-?prob/i.test(failure.message);
}

function judgingStopped(): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: 'judging was stopped; what was judged so far is stored',
    hint: 'Run the same command again: it goes on from there.',
  });
}
