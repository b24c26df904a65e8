import { type Clock, systemClock, waitFor } from '../../../foundation/clock.js';
import { hashContent } from '../../../foundation/content-hash.js';
import { createRandomStream } from '../../../foundation/random-stream.js';
import { createCallLimiter } from './call-limiter.js';
import { classifyFailure, type FailureKind, isOverload, readHeaders } from './classify-failure.js';
import { CallTimedOut } from './read-answer.js';
import { type RateReport, readRateReport } from './read-rate-report.js';

export interface HostedTrafficSettings {
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

export interface TrafficCall<Result> {
  readonly attempt: (signal: AbortSignal) => Promise<Delivery<Result>>;
  /** An estimate, of what is sent and of the longest answer. */
  readonly tokens: number;
  /** Leaves it at once, whether it was sent or not. */
  readonly signal: AbortSignal;
  /** Leaves it where it is not under way: an answer that is being written is waited for. Comes with `signal`, too; `signal` itself if not given. */
  readonly leave?: AbortSignal;
  /** Not sent again, whatever it fails with. */
  readonly once?: boolean;
}

/** All calls to one server with one key. */
export interface HostedTraffic {
  /** Sends a call when it may be sent, and again where that can help; throws what it failed with at last. */
  readonly send: <Result>(call: TrafficCall<Result>) => Promise<Result>;
  /** Calls that may be open now. */
  readonly concurrency: () => number;
}

/** Calls that are open at first, and at most. */
const firstOpenCalls = 8;
export const mostOpenCalls = 64;
/** As long as the client of OpenAI waits: a slow machine with a long queue is no fault. */
const usualTimeOut = 600_000;
/**
 * How often a call is sent again after each kind of failure. Enough that chance alone ends no run: with two repeats, a server of whose answers one in
 * a hundred is garbage would end one run of 5000 answers in a hundred.
 */
const mostRepeats: Readonly<Record<FailureKind, number>> = {
  limited: 10,
  faulty: 6,
  unreachable: 6,
  unreadable: 4,
  late: 2,
  final: 0,
};
/** Of a server that has not answered once: its address is wrong, or nobody is there. */
const repeatsWithoutAnyAnswer = 2;
const [shortestWait, longestWait] = [500, 30_000];
/** Who is told to wait longer than that is better told to come back. */
const longestObedience = 600_000;

export function createHostedTraffic({ clock, uniform, timeOut = usualTimeOut }: HostedTrafficSettings): HostedTraffic {
  // Far from the end of the time: where a queue makes answers slow, one more call makes all of them slower.
  const slow = timeOut / 4;
  const limiter = createCallLimiter({ clock, uniform, first: firstOpenCalls, most: mostOpenCalls, slow });
  let hasAnswered = false;

  /** Between half and all of a time that doubles. */
  const chooseWait = (repeat: number): number =>
    Math.min(longestWait, shortestWait * 2 ** repeat) * (0.5 + uniform() / 2);

  const mayRepeat = (kind: FailureKind, repeats: number, { retryAfter }: RateReport): boolean =>
    (retryAfter ?? 0) <= longestObedience &&
    repeats < (kind === 'unreachable' && !hasAnswered ? repeatsWithoutAnyAnswer : mostRepeats[kind]);

  async function send<Result>({
    attempt,
    tokens,
    signal,
    leave = signal,
    once = false,
  }: TrafficCall<Result>): Promise<Result> {
    const repeats: Record<FailureKind, number> = {
      limited: 0,
      faulty: 0,
      unreachable: 0,
      unreadable: 0,
      late: 0,
      final: 0,
    };
    for (let again = false; ; again = true) {
      const call = await limiter.enter({ tokens, again, signal: leave });
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
      const heeded = mayRepeat(kind, 0, report) ? report : { ...report, retryAfter: null };
      if (kind !== 'final' && isOverload(failure)) call.refuse(heeded);
      else call.fail(heeded);
      if (once || !mayRepeat(kind, repeats[kind], report)) throw failure;
      // Where the server said how long, the limiter holds everybody back.
      if (report.retryAfter === null) await waitFor(clock, chooseWait(repeats[kind]), leave);
      repeats[kind] += 1;
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
 * The traffic to a server with a key. Limits are counted there: whoever asks over the same `fetch`, be it for answers or for judgements, goes through
 * the same.
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
