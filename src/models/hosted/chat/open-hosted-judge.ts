import { setMaxListeners } from 'node:events';
import { APIError } from 'openai';
import { z } from 'zod';
import { environmentSchema, functionSchema, signalSchema } from '../../../foundation/caller-schemas.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { parseSettings } from '../../../foundation/explain-issue.js';
import type { Judge, JudgedAnswer } from '../../../judging/judge.js';
import {
  concludeJudgement,
  createLanguageJudge,
  listJudgeCalls,
  type JudgeCall,
  type JudgeReply,
  type LanguageJudgeSettings,
} from '../../../judging/language-judge.js';
import { hostedReferenceSchema, type HostedReference } from '../../model-reference.js';
import {
  chooseJudgeVariables,
  likeliestTokens,
  readHostedEndpoint,
  withoutLogProbabilities,
} from '../../services/hosted-service.js';
import { services } from '../../services/services.js';
import { askInBatches, type BatchOutcome } from '../batches/ask-in-batches.js';
import { openBatchService } from '../batches/batch-service.js';
import { nameBatchRequest, type BatchSettings, type HostedBatchRequest } from '../batches/batch-settings.js';
import { createHostedClient, type HostedClientSettings } from '../client/hosted-client.js';
import {
  openHostedConnection,
  readCompletion,
  readServiceLogProbabilities,
  type HostedConnection,
  type HostedRequest,
} from '../client/hosted-connection.js';
import { addTokenCounts, boundTokens, type TokenCount } from '../spending/hosted-prices.js';
import type { SpendingLedger, SpendingMeter } from '../spending/spending-ledger.js';

export interface HostedJudgeSettings
  extends
    Partial<Pick<HostedClientSettings, 'environment' | 'fetch'>>,
    Pick<HostedClientSettings, 'traffic'>,
    Omit<LanguageJudgeSettings, 'model'> {
  readonly model: HostedReference;
  /** Stops calls that are open. */
  readonly signal?: AbortSignal;
  /** Asks in batches where answers are judged together. */
  readonly batches?: BatchSettings;
  /** Counts what judging costs. */
  readonly spending?: SpendingLedger;
}

const settingsSchema = z.object({
  model: hostedReferenceSchema,
  environment: environmentSchema.optional(),
  fetch: functionSchema.optional(),
  signal: signalSchema.optional(),
});

/** A provider's reasons to refuse one conversation: its judgement has no score, and judging goes on. */
const withheldReasons: readonly unknown[] = ['content_filter', 'context_length_exceeded'];

/**
 * A model behind OpenAI's chat completions as a judge. It needs a key only when it is first asked. How many calls are
 * open is up to the rate limiter of their server alone.
 */
export function openHostedJudge(settings: HostedJudgeSettings): Judge {
  parseSettings(settingsSchema, settings, 'a hosted judge');
  const { environment = process.env, fetch = globalThis.fetch, traffic, signal, model, batches, spending } = settings;
  const { mode, samples, rubric, endpoint = null } = settings;
  const language: LanguageJudgeSettings = { model: model.text, mode, samples, rubric, endpoint };
  const service = services[model.provider];
  const variables = chooseJudgeVariables(environment, service);
  const client = {
    ...{ environment, fetch, service: model.provider, variables },
    ...(traffic === undefined ? {} : { traffic }),
  };
  const stop = AbortSignal.any(signal === undefined ? [] : [signal]);
  // Every call that waits or is open listens to it, which is no leak.
  setMaxListeners(0, stop);
  const meter = openMeter(false);
  let opened: HostedConnection | null = null;
  const connect = (): HostedConnection =>
    (opened ??= openHostedConnection({ ...client, ...(meter === undefined ? {} : { meter }) }));

  const judge = createLanguageJudge(language, async (call) => {
    requireGoing();
    const connection = connect();
    return receive(connection, call, connection.complete(describeCall(call), call.maximumTokens, stop));
  });
  const limited = meter?.isLimited === true ? { ...judge, ...judgeWithinLimit(judge, meter) } : judge;
  return batches === undefined ? limited : { ...limited, judgeTogether: (inputs) => judgeInBatches(inputs, batches) };

  function openMeter(isBatched: boolean): SpendingMeter | undefined {
    if (spending === undefined) return undefined;
    const address = readHostedEndpoint(environment, service, variables.address);
    return spending.meter({ model, endpoint: address, purpose: 'judgements', isBatched });
  }

  function requireGoing(): void {
    if (stop.aborted) throw judgingStopped();
  }

  function describeCall({ prompt, temperature, seed, logProbabilities }: JudgeCall): HostedRequest {
    return {
      model: model.model,
      messages: [{ role: 'user', content: prompt }],
      temperature,
      // OpenAI calls seeds a beta; most other servers honour them.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      seed,
      ...(logProbabilities ? { logprobs: true, top_logprobs: likeliestTokens } : {}),
    };
  }

  /** The reply that a completion is, whether it came by itself or in a batch. */
  async function receive(
    { host, service: { chat }, explain }: HostedConnection,
    { logProbabilities }: JudgeCall,
    coming: Promise<unknown>,
  ): Promise<JudgeReply> {
    let completion: unknown;
    try {
      completion = await coming;
    } catch (cause) {
      requireGoing();
      if (cause instanceof APIError && withheldReasons.includes(cause.code)) return { text: '', distribution: [] };
      if (logProbabilities && isAboutLogProbabilities(cause))
        throw withoutLogProbabilities(model.text, `${host} refused to give them`);
      throw explain(cause, model.text, 'judgements');
    }
    const { text, finishReason } = readCompletion(completion);
    const distribution = logProbabilities ? readServiceLogProbabilities(completion, chat) : [];
    if (distribution !== null) return { text, distribution };
    if (finishReason === 'filtered') return { text, distribution: [] };
    throw withoutLogProbabilities(model.text, `the answer of ${host} has none`);
  }

  /** The most that the calls of a judgement may cost. */
  function boundJudgement(input: JudgedAnswer): TokenCount {
    const calls = listJudgeCalls(language, input);
    return addTokenCounts(calls.map((call) => boundTokens(describeCall(call), call.maximumTokens)));
  }

  /** A judgement is begun when all of its calls fit within the limit, so that none is left half done. */
  function judgeWithinLimit(
    inner: Judge,
    { hold, fits, refuse }: SpendingMeter,
  ): Pick<Judge, 'judge' | 'requireAffordable'> {
    return {
      judge: async (input) => {
        const most = boundJudgement(input);
        try {
          return await hold(
            () => most,
            stop,
            () => inner.judge(input),
          );
        } catch (cause) {
          requireGoing();
          throw cause;
        }
      },
      requireAffordable: (inputs) => {
        const most = addTokenCounts(inputs.map(boundJudgement));
        return fits(most) ? Promise.resolve() : Promise.reject(refuse(most));
      },
    };
  }

  /** The calls of all judgements go into the same batches; a judgement is there when its own calls are answered. */
  function judgeInBatches(inputs: readonly JudgedAnswer[], settings: BatchSettings): ReturnType<Judge['judge']>[] {
    const asked = Promise.resolve().then(() => askTogether(inputs, settings));
    return inputs.map(async (input, index) => {
      const replies = (await asked)[index] ?? [];
      // Waits for all, also where one fails.
      await Promise.allSettled(replies);
      return concludeJudgement(language, input, await Promise.all(replies));
    });
  }

  /** The replies to the calls of each input. */
  function askTogether(inputs: readonly JudgedAnswer[], settings: BatchSettings): readonly Promise<JudgeReply>[][] {
    requireGoing();
    const connection = connect();
    const calls = inputs.flatMap((input, index) => listJudgeCalls(language, input).map((call) => ({ call, index })));
    const bodies = calls.map(({ call }) => connection.describe(describeCall(call), call.maximumTokens));
    const completions = completeInBatches(bodies, (requests) => {
      const hosted = createHostedClient(client);
      const batchMeter = openMeter(true);
      return askInBatches(openBatchService(hosted, settings.clock), requests, {
        ...settings,
        ...(batchMeter === undefined ? {} : { meter: batchMeter }),
        model: model.model,
        signal: stop,
      });
    });
    const replies: Promise<JudgeReply>[][] = inputs.map(() => []);
    for (const [position, { call, index }] of calls.entries())
      replies[index]?.push(receive(connection, call, completions[position] ?? Promise.resolve()));
    return replies;
  }
}

interface Waiting {
  readonly resolve: (completion: unknown) => void;
  readonly reject: (failure: unknown) => void;
}

/** The completion of each body, as batches bring them. Equal bodies are one request. What is left when the batches end fails with them. */
function completeInBatches(
  bodies: readonly object[],
  ask: (requests: readonly HostedBatchRequest[]) => AsyncIterable<BatchOutcome>,
): readonly Promise<unknown>[] {
  const requests = new Map<string, HostedBatchRequest>();
  const waiting = new Map<string, Waiting[]>();
  const completions = bodies.map((body) => {
    const request = nameBatchRequest(body);
    requests.set(request.id, request);
    return new Promise<unknown>((resolve, reject) => {
      waiting.set(request.id, [...(waiting.get(request.id) ?? []), { resolve, reject }]);
    });
  });
  async function receiveAll(): Promise<void> {
    for await (const outcome of ask([...requests.values()])) {
      for (const { resolve, reject } of waiting.get(outcome.id) ?? []) {
        if ('failure' in outcome) reject(outcome.failure);
        else resolve(outcome.completion);
      }
      waiting.delete(outcome.id);
    }
    throw new Error('a call was not answered');
  }
  receiveAll().catch((failure: unknown) => {
    for (const { reject } of [...waiting.values()].flat()) reject(failure);
  });
  return completions;
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
