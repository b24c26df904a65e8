import type { BatchOutcome } from './ask-in-batches.js';
import { nameBatchRequest, type BatchRequest } from './batch-settings.js';

/** Calls that are made one by one and answered together. */
export interface CollectedCalls {
  /** Its completion, once `send` was called. Equal bodies are one call. */
  readonly call: (body: object) => Promise<unknown>;
  /** Has all calls so far answered. Whatever goes wrong, the calls fail with. */
  readonly send: (answer: (requests: readonly BatchRequest[]) => AsyncIterable<BatchOutcome>) => Promise<void>;
}

interface Caller {
  readonly resolve: (completion: unknown) => void;
  readonly reject: (failure: unknown) => void;
}

export function collectCalls(): CollectedCalls {
  const requests: BatchRequest[] = [];
  const callers = new Map<string, Caller[]>();

  return {
    call: (body) =>
      new Promise((resolve, reject) => {
        const request = nameBatchRequest(body);
        const alike = callers.get(request.id);
        if (alike === undefined) {
          requests.push(request);
          callers.set(request.id, [{ resolve, reject }]);
        } else alike.push({ resolve, reject });
      }),
    send: async (answer) => {
      const settle = (id: string, how: (caller: Caller) => void): void => {
        callers.get(id)?.forEach(how);
        callers.delete(id);
      };
      let failure: unknown = new Error('a call was not answered');
      try {
        for await (const outcome of answer(requests)) {
          settle(outcome.id, ({ resolve, reject }) => {
            if ('failure' in outcome) reject(outcome.failure);
            else resolve(outcome.completion);
          });
        }
      } catch (cause) {
        failure = cause;
      }
      for (const id of [...callers.keys()])
        settle(id, ({ reject }) => {
          reject(failure);
        });
    },
  };
}
