import { hashJson } from '../../foundation/content-hash.js';
import type { BatchLimits } from './batch-settings.js';

/** One call as a batch has it. */
export interface BatchRequest {
  /** Hash of its body: equal requests are one. */
  readonly id: string;
  readonly body: object;
}

export const batchedEndpoint = '/v1/chat/completions';

export function nameBatchRequest(body: object): BatchRequest {
  return { id: hashJson(body).slice(0, 32), body };
}

/** A line of the file of requests. */
export function encodeBatchRequest({ id, body }: BatchRequest): string {
  return `${JSON.stringify({ custom_id: id, method: 'POST', url: batchedEndpoint, body })}\n`;
}

/** Hash of a set of requests: it stands for the batch that has exactly these. */
export function markBatch(requests: readonly BatchRequest[]): string {
  return hashJson(requests.map(({ id }) => id).sort());
}

/** As few parts as the limits of one batch allow, in the order of the requests. */
export function splitIntoBatches(requests: readonly BatchRequest[], limits: BatchLimits): BatchRequest[][] {
  const parts: BatchRequest[][] = [];
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
