import { APIError } from 'openai';
import { z } from 'zod';
import { hasChoices } from '../hosted-connection.js';
import { classifyFailure } from '../traffic/classify-failure.js';

/** What came of a request of a batch: `lost` may be asked for again, `failure` would fail again. */
export type BatchReply =
  | { readonly id: string; readonly completion: unknown }
  | { readonly id: string; readonly failure: unknown }
  | { readonly id: string; readonly lost: string };

const lineSchema = z.object({
  custom_id: z.string(),
  response: z.object({ status_code: z.int().nullish(), body: z.unknown() }).nullish(),
  error: z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
});

/** A line of a file of results or of errors; null where it is none. */
export function readBatchLine(value: unknown): BatchReply | null {
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) return null;
  const { custom_id: id, response, error } = parsed.data;
  // What was not done for its time, or since the batch was cancelled, has no response.
  if (response === null || response === undefined) return { id, lost: error?.message ?? error?.code ?? 'no response' };
  const { status_code: status, body } = response;
  if (status === null || status === undefined || status === 200)
    return hasChoices(body) ? { id, completion: body } : { id, lost: 'the answer is no chat completion' };
  const failure = APIError.generate(status, asError(body), undefined, new Headers());
  return classifyFailure(failure) === 'final' ? { id, failure } : { id, lost: failure.message };
}

function asError(body: unknown): object {
  return typeof body === 'object' && body !== null ? body : { error: { message: String(body) } };
}
