import type { Clock } from '../../../foundation/clock.js';
import { hashJson } from '../../../foundation/content-hash.js';

/** How far the batches are that somebody waits for. */
export interface BatchProgress {
  readonly host: string;
  /** As the provider spells it. */
  readonly model: string;
  /** Those that are open. */
  readonly batches: readonly string[];
  /** Requests that have been done, of all that were asked for together. */
  readonly done: number;
  readonly total: number;
}

/** That a model is asked in batches, and what that takes. */
export interface BatchSettings {
  /** Keeps a record of each batch, so that a run that was killed finds it again. */
  readonly folder: string;
  readonly clock: Clock;
  readonly onProgress?: (progress: BatchProgress) => void;
  readonly onNotice?: (notice: string) => void;
  /** Of one batch; those of OpenAI if not given. */
  readonly limits?: HostedBatchLimits;
}

interface HostedBatchLimits {
  readonly requests: number;
  /** Of the file of requests. */
  readonly bytes: number;
}

export const usualBatchLimits: HostedBatchLimits = { requests: 50_000, bytes: 200_000_000 };

/** One call as a batch has it. */
export interface HostedBatchRequest {
  /** Hash of its body: equal requests are one. */
  readonly id: string;
  readonly body: object;
}

export const batchedEndpoint = '/v1/chat/completions';

export function nameBatchRequest(body: object): HostedBatchRequest {
  return { id: hashJson(body).slice(0, 32), body };
}

/** A line of the file of requests. */
export function encodeBatchRequest({ id, body }: HostedBatchRequest): string {
  return `${JSON.stringify({ custom_id: id, method: 'POST', url: batchedEndpoint, body })}\n`;
}

/** Hash of a set of requests: it stands for the batch that has exactly these. */
export function markBatch(requests: readonly HostedBatchRequest[]): string {
  return hashJson(requests.map(({ id }) => id).sort());
}

/** As few parts as the limits of one batch allow, in the order of the requests. */
export function splitIntoBatches(
  requests: readonly HostedBatchRequest[],
  limits: HostedBatchLimits,
): HostedBatchRequest[][] {
  const parts: HostedBatchRequest[][] = [];
  let bytes = Infinity;
  for (const request of requests) {
    const size = Buffer.byteLength(encodeBatchRequest(request));
    const part = parts.at(-1);
    if (part === undefined || part.length >= limits.requests || bytes + size > limits.bytes) {
      parts.push([request]);
      bytes = size;
    } else {
      part.push(request);
      bytes += size;
    }
  }
  return parts;
}
