import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { explainFault } from '../../foundation/explain-issue.js';
import type { BodyBudget } from './admission.js';
import { badRequest, ProtocolError } from './protocol-error.js';

export interface BodyLimits {
  /** Bytes of one body. */
  readonly most: number;
  /** Of all bodies. */
  readonly budget: BodyBudget;
}

/** Of a body that is too large this many times the limit is read over, so that its sender lives to hear of it. */
const patience = 16;

/** Reads the whole body, and makes of it what is wanted. */
async function readBody<Result>(
  request: IncomingMessage,
  { most, budget }: BodyLimits,
  parse: (bytes: Buffer) => Result | Promise<Result>,
): Promise<Result> {
  let chunks: Buffer[] = [];
  let length = 0;
  let taken = 0;
  try {
    // Buffers, as no encoding is set.
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > patience * most) break;
      if (length > most) {
        chunks = [];
        budget.giveBack(taken);
        taken = 0;
        continue;
      }
      budget.take(chunk.length);
      taken += chunk.length;
      chunks.push(chunk);
    }
    if (length > most) throw tooLarge(most);
    return await parse(Buffer.concat(chunks));
  } catch (cause) {
    if (cause instanceof ProtocolError || request.complete) throw cause;
    throw new ProtocolError({ status: 400, message: 'The body of the request did not arrive whole', cause });
  } finally {
    budget.giveBack(taken);
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

/** The body as JSON. */
export async function readJsonBody(request: IncomingMessage, limits: BodyLimits): Promise<unknown> {
  // Without this a page in a browser could send requests that the browser does not ask us about first.
  requireType(request, /^application\/json\s*(;|$)/i, 'JSON, with the header Content-Type: application/json');
  return readBody(request, limits, (bytes): unknown => {
    try {
      return JSON.parse(decoder.decode(bytes));
    } catch (cause) {
      throw badRequest(
        `The body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
        null,
        'invalid_json',
      );
    }
  });
}

/** The body as a form with files, by the platform's own parser. */
export async function readFormBody(request: IncomingMessage, limits: BodyLimits): Promise<FormData> {
  requireType(request, /^multipart\/form-data\s*;/i, 'a form, with the header Content-Type: multipart/form-data');
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  return readBody(request, limits, async (bytes) => {
    try {
      // Not recommended for servers because it holds the whole body in memory, which is there already, and no longer than is allowed.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      return await new Response(bytes, { headers }).formData();
    } catch {
      throw badRequest('The body is not a form with files', null, 'invalid_form');
    }
  });
}

function requireType({ headers }: IncomingMessage, type: RegExp, description: string): void {
  if (type.test(headers['content-type'] ?? '')) return;
  throw new ProtocolError({
    status: 415,
    message: `The body has to be ${description}`,
    code: 'unsupported_media_type',
    headers: { connection: 'close' },
  });
}

function tooLarge(most: number): ProtocolError {
  return new ProtocolError({
    status: 413,
    message: `The body of the request is larger than the ${most} bytes that are allowed`,
    code: 'request_too_large',
    headers: { connection: 'close' },
  });
}

/** Parses what a client sent; the first fault is told with the name of what is at fault. */
export function parseRequest<Parsed>(schema: z.ZodType<Parsed>, value: unknown): Parsed {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path, problem } = explainFault(parsed.error, schema);
  const param = path.map(String).join('.');
  throw badRequest(param === '' ? problem : `${param}: ${problem}`, param === '' ? null : param, 'invalid_value');
}
