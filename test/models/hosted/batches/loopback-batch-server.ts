import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { bodySchema, complete, sendJson, type LoopbackRequest } from '../../loopback-chat-server.js';

const lineSchema = z.object({
  custom_id: z.string(),
  method: z.literal('POST'),
  url: z.literal('/v1/chat/completions'),
  body: bodySchema,
});

export type LoopbackLine = z.output<typeof lineSchema>;

/** What comes of a batch. */
export interface LoopbackResults {
  readonly status: string;
  readonly output: readonly object[];
  readonly errors: readonly object[];
  /** Why it was not taken. */
  readonly problems?: readonly object[];
}

interface LoopbackBatch {
  readonly id: string;
  readonly input: string;
  readonly metadata: unknown;
  readonly lines: readonly LoopbackLine[];
  readonly results: LoopbackResults;
  looks: number;
}

export interface LoopbackBatchServer {
  readonly endpoint: string;
  readonly batches: LoopbackBatch[];
  /** Ids of requests that were answered, whether or not anybody fetched them. */
  readonly paid: string[];
  readonly calls: string[];
  /** What a completion is made by, by itself or in a batch. */
  respond: (request: LoopbackRequest) => object;
  /** What comes of the batch of a number, from 0. */
  carryOut: (lines: readonly LoopbackLine[], number: number) => LoopbackResults;
  /** Looks at a batch until it is over. */
  looks: number;
  /** Answers in place of the server where it returns true. */
  intercept: (call: string, response: ServerResponse) => boolean;
  /** What a file's text becomes on its way. */
  send: (text: string, response: ServerResponse) => void;
}

export const answer = (
  { custom_id, body }: LoopbackLine,
  respond: (request: LoopbackRequest) => object = complete,
): object => ({
  id: `batch_req_${custom_id}`,
  custom_id,
  response: { status_code: 200, request_id: 'r', body: respond(body) },
  error: null,
});

export const refuse = ({ custom_id }: LoopbackLine, status: number, error: object): object => ({
  custom_id,
  response: { status_code: status, body: { error } },
  error: null,
});

export const expire = ({ custom_id }: LoopbackLine): object => ({
  custom_id,
  response: null,
  error: { code: 'batch_expired', message: 'its time was up' },
});

/** All answered, the last first. */
export const answerAll = (
  lines: readonly LoopbackLine[],
  respond: (request: LoopbackRequest) => object = complete,
): LoopbackResults => ({
  status: 'completed',
  output: lines.map((line) => answer(line, respond)).reverse(),
  errors: [],
});

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // no encoding is set
  return Buffer.concat(chunks);
}

/** A server of OpenAI's files and batches that is as slow and as wrong as a test wants. */
export async function startLoopbackBatchServer(): Promise<LoopbackBatchServer> {
  const files = new Map<string, string>();
  const describe = ({ id, input, metadata, lines, results, looks }: LoopbackBatch): object => {
    const isBatchOver = looks >= service.looks;
    const done = isBatchOver ? results.output.length : Math.floor((lines.length * looks) / service.looks);
    return {
      id,
      object: 'batch',
      input_file_id: input,
      metadata,
      status: isBatchOver ? results.status : looks === 0 ? 'validating' : 'in_progress',
      request_counts: { total: lines.length, completed: done, failed: isBatchOver ? results.errors.length : 0 },
      ...(isBatchOver && results.output.length > 0 ? { output_file_id: `${id}-output` } : {}),
      ...(isBatchOver && results.errors.length > 0 ? { error_file_id: `${id}-errors` } : {}),
      errors: results.problems === undefined ? null : { data: results.problems },
    };
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '', 'http://x');
    const call = `${request.method ?? ''} ${pathname.replace(/^\/v1\//, '')}`;
    const body = await readBody(request);
    service.calls.push(call);
    if (service.intercept(call, response)) return;
    if (call === 'POST chat/completions') {
      sendJson(response, 200, service.respond(bodySchema.parse(JSON.parse(body.toString()))));
    } else if (call === 'POST files') {
      const headers = { 'content-type': request.headers['content-type'] ?? '' };
      // It is for servers of large bodies that there are better ways.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      const form = await new Response(body, { headers }).formData();
      const file = form.get('file');
      const id = `file-${String(files.size)}`;
      files.set(id, file instanceof File ? await file.text() : '');
      sendJson(response, 200, { id, object: 'file' });
    } else if (call === 'POST batches') {
      const wanted = z.object({ input_file_id: z.string(), metadata: z.unknown() }).parse(JSON.parse(body.toString()));
      const lines = (files.get(wanted.input_file_id) ?? '')
        .trim()
        .split('\n')
        .map((line) => lineSchema.parse(JSON.parse(line)));
      const number = service.batches.length;
      const results = service.carryOut(lines, number);
      const id = `batch_${String(number)}`;
      const toText = (values: readonly object[]): string => values.map((one) => `${JSON.stringify(one)}\n`).join('');
      files.set(`${id}-output`, toText(results.output));
      files.set(`${id}-errors`, toText(results.errors));
      const answered = z.array(z.looseObject({ custom_id: z.string() })).parse(results.output);
      service.paid.push(...new Set(answered.map((one) => one.custom_id)));
      const batch = { id, input: wanted.input_file_id, metadata: wanted.metadata, lines, results, looks: 0 };
      service.batches.unshift(batch);
      sendJson(response, 200, describe(batch));
    } else if (call === 'GET batches') {
      sendJson(response, 200, { object: 'list', data: service.batches.map(describe), has_more: false });
    } else if (call.startsWith('GET batches/')) {
      const batch = service.batches.find(({ id }) => call.endsWith(`/${id}`));
      if (batch !== undefined) batch.looks += 1;
      if (batch === undefined) sendJson(response, 404, { error: { message: 'no such batch' } });
      else sendJson(response, 200, describe(batch));
    } else {
      const text = files.get(/^GET files\/(.*)\/content$/.exec(call)?.[1] ?? '');
      if (text === undefined) sendJson(response, 404, { error: { message: 'no such file' } });
      else service.send(text, response);
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      sendJson(response, 400, { error: { message: String(error) } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  // A server that listens on a port has an address with a port.
  const { port } = server.address() as AddressInfo;
  const service: LoopbackBatchServer = {
    endpoint: `http://127.0.0.1:${String(port)}/v1`,
    batches: [],
    paid: [],
    calls: [],
    respond: complete,
    carryOut: (lines) => answerAll(lines, service.respond),
    looks: 3,
    intercept: () => false,
    send: (text, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(text);
    },
  };
  return service;
}
