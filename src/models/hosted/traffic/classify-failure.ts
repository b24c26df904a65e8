import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';
import { CallTimedOut, UnreadableAnswer } from './read-answer.js';

/** What may be done about a failed call: `final` is not sent again. */
export type FailureKind = 'limited' | 'faulty' | 'unreachable' | 'unreadable' | 'late' | 'final';

/** Of refusals for limits, those that waiting does not cure. */
const spentCodes: readonly unknown[] = ['insufficient_quota', 'billing_hard_limit_reached', 'billing_not_active'];

/** Whether the account of the key is used up, whatever the status says; status 402 says it by itself. */
export function isSpent(failure: unknown): boolean {
  if (!(failure instanceof APIError)) return false;
  return failure.status === 402 || spentCodes.includes(failure.code) || spentCodes.includes(failure.type);
}

/** Statuses by which a server, or the proxy before it, says that it did not come to a call in time. */
const lateStatuses: readonly unknown[] = [408, 504, 524];

/** Whether fewer open calls would have helped: a limit, or a queue that was too long. */
export function isOverload(failure: unknown): boolean {
  const kind = classifyFailure(failure);
  return (
    kind === 'limited' || kind === 'late' || (failure instanceof APIError && lateStatuses.includes(failure.status))
  );
}

/** Sorts what a call failed with. A server that says whether to ask again (`x-should-retry`) is obeyed. */
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
export function readHeaders(failure: unknown): Headers {
  const headers: unknown = failure instanceof APIError ? failure.headers : null;
  return headers instanceof Headers ? headers : new Headers();
}
