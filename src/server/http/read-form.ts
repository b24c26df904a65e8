import type { IncomingMessage } from 'node:http';
import { badRequest, ProtocolError } from './protocol-error.js';
import { readBody } from './read-body.js';

/** The body as a form with files, by the platform's own parser. */
export async function readForm(request: IncomingMessage, limit: number): Promise<FormData> {
  const type = request.headers['content-type'] ?? '';
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw new ProtocolError({
      status: 415,
      message: 'The body has to be a form, with the header Content-Type: multipart/form-data',
      code: 'unsupported_media_type',
      headers: { connection: 'close' },
    });
  }
  const bytes = await readBody(request, limit);
  try {
    // Not recommended for servers because it holds the whole body in memory, which is there already, and no longer than is allowed.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    return await new Response(bytes, { headers: { 'content-type': type } }).formData();
  } catch {
    throw badRequest('The body is not a form with files', null, 'invalid_form');
  }
}
