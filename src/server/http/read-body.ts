import type { IncomingMessage } from 'node:http';
import { badRequest, ProtocolError } from './protocol-error.js';

/** Of a body that is too large this many times the limit is read over, so that its sender lives to hear of it. */
const patience = 16;

/** The whole body, if it is no longer than `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    // Buffers, as no encoding is set.
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length <= limit) chunks.push(chunk);
      else chunks.length = 0;
      if (length > patience * limit) break;
    }
  } catch (cause) {
    throw new ProtocolError({ status: 400, message: 'The body of the request did not arrive whole', cause });
  }
  if (length > limit) {
    throw new ProtocolError({
      status: 413,
      message: `The body of the request is larger than the ${limit} bytes that are allowed`,
      code: 'request_too_large',
      headers: { connection: 'close' },
    });
  }
  return Buffer.concat(chunks);
}

/** The body as JSON. */
export async function readJsonBody(request: IncomingMessage, limit: number): Promise<unknown> {
  // Without this a page in a browser could send requests that the browser does not ask us about first.
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new ProtocolError({
      status: 415,
      message: 'The body has to be JSON, with the header Content-Type: application/json',
      code: 'unsupported_media_type',
      headers: { connection: 'close' },
    });
  }
  const bytes = await readBody(request, limit);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw badRequest(
      `The body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      null,
      'invalid_json',
    );
  }
}
