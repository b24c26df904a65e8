import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';
import { chooseBackoff } from '../../../foundation/choose-backoff.js';
import { type Clock, systemClock, waitFor } from '../../../foundation/clock.js';
import { hashContent } from '../../../foundation/content-hash.js';
import { createRandomStream } from '../../../foundation/random-stream.js';
import { createRateLimiter, readRateReport, type RateReport } from './rate-limiter.js';

interface HostedTrafficSettings {
  readonly clock: Clock;
  /** Draws uniformly from [0, 1), for jitter. */
  readonly uniform: () => number;
  /** Milliseconds for a whole answer. */
  readonly timeOut?: number;
}

/** What one attempt brought. */
export interface Delivery<Result> {
  readonly result: Result;
  readonly headers: Headers;
}

interface TrafficCall<Result> {
  readonly attempt: (signal: AbortSignal) => Promise<Delivery<Result>>;
  /** An estimate, of what is sent and of the longest answer. */
  readonly tokens: number;
  /** Leaves it at once, whether it was sent or not. */
  readonly signal: AbortSignal;
  /**
   * Leaves it where it is not open: an answer that is being written is waited for. Comes with `signal`, too; `signal`
   * itself if not given.
   */
  readonly leave?: AbortSignal;
  /** Never retried. */
  readonly once?: boolean;
}

/** All calls to one server with one key. */
export interface HostedTraffic {
  /** Sends a call when the rate limiter lets it, and retries it with backoff where that can help; throws its last failure. */
  readonly send: <Result>(call: TrafficCall<Result>) => Promise<Result>;
  /** Calls that may be open now. */
  readonly concurrency: () => number;
}

/** As long as the client of OpenAI waits: a slow machine with a long queue is no fault. */
const usualTimeOut = 600_000;
/**
 * Retries after each kind of failure. Enough that chance alone ends no run: with two retries, a server of whose answers one in
 * a hundred is garbage would end one run of 5000 answers in a hundred.
 */
const mostRetries: Readonly<Record<FailureKind, number>> = {
  limited: 10,
  faulty: 6,
  unreachable: 6,
  unreadable: 4,
  late: 2,
  final: 0,
};
/** Of a server that has not answered once: its address is wrong, or nobody is there. */
const retriesWithoutAnyAnswer = 2;
/** A longer `retry-after` is not waited for: its call fails. */
const longestRetryAfter = 600_000;

export function createHostedTraffic({ clock, uniform, timeOut = usualTimeOut }: HostedTrafficSettings): HostedTraffic {
  // Far from the end of the time: where a queue makes answers slow, one more call makes all of them slower.
  const slow = timeOut / 4;
  const limiter = createRateLimiter({ clock, uniform, slow });
  let hasAnswered = false;

  const mayRetry = (kind: FailureKind, retries: number, { retryAfter }: RateReport): boolean =>
    (retryAfter ?? 0) <= longestRetryAfter &&
    retries < (kind === 'unreachable' && !hasAnswered ? retriesWithoutAnyAnswer : mostRetries[kind]);

  async function send<Result>({
    attempt,
    tokens,
    signal,
    leave = signal,
    once = false,
  }: TrafficCall<Result>): Promise<Result> {
    const retries = { limited: 0, faulty: 0, unreachable: 0, unreadable: 0, late: 0, final: 0 };
    for (let isRetry = false; ; isRetry = true) {
      const call = await limiter.enter({ tokens, isRetry, signal: leave });
      const outcome = await attemptInTime(attempt, signal);
      if ('result' in outcome) {
        hasAnswered = true;
        call.succeed(readRateReport(outcome.headers, clock.date()));
        return outcome.result;
      }
      const { failure } = outcome;
      const kind = signal.aborted ? 'final' : classifyFailure(failure);
      const report = readRateReport(readHeaders(failure), clock.date());
      hasAnswered ||= kind !== 'unreachable' && kind !== 'late';
      const heeded = mayRetry(kind, 0, report) ? report : { ...report, retryAfter: null };
      if (kind !== 'final' && isOverload(failure)) call.refuse(heeded);
      else call.fail(heeded);
      if (once || !mayRetry(kind, retries[kind], report)) throw failure;
      // Where the server said how long, the rate limiter holds all calls back.
      if (report.retryAfter === null) await waitFor(clock, chooseBackoff(retries[kind], uniform), leave);
      retries[kind] += 1;
    }
  }

  /** Time and signal are for the whole answer; the client looks at them until its headers are there. */
  async function attemptInTime<Result>(
    attempt: TrafficCall<Result>['attempt'],
    signal: AbortSignal,
  ): Promise<Delivery<Result> | { readonly failure: unknown }> {
    const stop = new AbortController();
    const cancel = clock.after(timeOut, () => {
      stop.abort(new CallTimedOut(timeOut));
    });
    // Off the signal again afterwards: one listener for each of all calls would gather thousands.
    const abort = (): void => {
      stop.abort();
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    try {
      return await attempt(stop.signal);
    } catch (failure) {
      const { reason } = stop.signal as { readonly reason: unknown };
      return { failure: reason instanceof CallTimedOut ? reason : failure };
    } finally {
      cancel();
      signal.removeEventListener('abort', abort);
    }
  }

  return { send, concurrency: limiter.concurrency };
}

/** By the way out of the program, then by server and key. */
const shared = new WeakMap<typeof globalThis.fetch, Map<string, HostedTraffic>>();

/**
 * The traffic to a server with a key. Rate limits are counted there: all calls over the same `fetch`, for answers or
 * for judgements, go through the same.
 */
export function shareHostedTraffic(fetch: typeof globalThis.fetch, endpoint: string, key: string): HostedTraffic {
  let traffics = shared.get(fetch);
  if (traffics === undefined) shared.set(fetch, (traffics = new Map<string, HostedTraffic>()));
  const name = `${endpoint} ${hashContent(key)}`;
  let traffic = traffics.get(name);
  if (traffic === undefined) {
    // Jitter is there so that processes differ.
    const jitter = createRandomStream(process.pid, 'traffic', endpoint);
    traffics.set(name, (traffic = createHostedTraffic({ clock: systemClock, uniform: () => jitter.uniform() })));
  }
  return traffic;
}

/** What a call failed with, as far as a retry goes: `final` is never retried. */
type FailureKind = 'limited' | 'faulty' | 'unreachable' | 'unreadable' | 'late' | 'final';

/** Of refusals for rate limits, those that waiting does not cure. */
const spentCodes: readonly unknown[] = ['insufficient_quota', 'billing_hard_limit_reached', 'billing_not_active'];

/** Whether the account of the key is used up, whatever the status says; status 402 says it by itself. */
export function isSpent(failure: unknown): boolean {
  if (!(failure instanceof APIError)) return false;
  return failure.status === 402 || spentCodes.includes(failure.code) || spentCodes.includes(failure.type);
}

/** Statuses by which a server, or the proxy before it, says that it did not come to a call in time. */
const lateStatuses: readonly unknown[] = [408, 504, 524];

/** Whether fewer open calls would have helped: a rate limit, or a queue that was too long. */
function isOverload(failure: unknown): boolean {
  const kind = classifyFailure(failure);
  return (
    kind === 'limited' || kind === 'late' || (failure instanceof APIError && lateStatuses.includes(failure.status))
  );
}

/** Sorts what a call failed with. A server that says whether to retry (`x-should-retry`) is obeyed. */
export function classifyFailure(failure: unknown): FailureKind {
  if (failure instanceof UnreadableAnswer) return 'unreadable';
  if (failure instanceof CallTimedOut || failure instanceof APIConnectionTimeoutError) return 'late';
  if (failure instanceof APIConnectionError) return 'unreachable';
  const status: unknown = failure instanceof APIError ? failure.status : null;
  if (typeof status !== 'number' || isSpent(failure)) return 'final';
  const advice = readHeaders(failure).get('x-should-retry');
  if (advice === 'false') return 'final';
  if (status === 429) return 'limited';
  // 501: the server has no such thing, and will have none the next time.
  return status === 408 || status === 409 || (status >= 500 && status !== 501) || advice === 'true'
    ? 'faulty'
    : 'final';
}

/** Of the answer that a call failed with; none where there was no answer. */
function readHeaders(failure: unknown): Headers {
  const headers: unknown = failure instanceof APIError ? failure.headers : null;
  return headers instanceof Headers ? headers : new Headers();
}

/** An answer of a server that is no JSON, or not what was asked for: a page of a proxy, or half of an answer. */
export class UnreadableAnswer extends Error {
  override readonly name = 'UnreadableAnswer';
}

export class CallTimedOut extends Error {
  override readonly name = 'CallTimedOut';
  constructor(milliseconds: number) {
    super(`no whole answer within ${String(Math.round(milliseconds / 1000))} seconds`);
  }
}

/** The JSON of a response; a body that ends too early is a lost connection. */
export async function readAnswer(response: Response): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    throw new APIConnectionError({ message: 'the connection was lost in the middle of an answer', cause: error });
  }
  try {
    // What it is is for the reader of completions to say.
    return JSON.parse(text) as unknown;
  } catch {
    const type = response.headers.get('content-type')?.split(';')[0] ?? 'no type';
    throw new UnreadableAnswer(`it is no JSON (${type}): ${JSON.stringify(text.trim().slice(0, 60))}`);
  }
}
