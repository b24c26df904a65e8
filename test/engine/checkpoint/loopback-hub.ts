import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { onTestFinished } from 'vitest';

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export type Answer = (request: IncomingMessage, response: ServerResponse, path: string) => boolean;

export interface LoopbackHub {
  readonly endpoint: string;
  /** Every request so far. */
  readonly requests: ReceivedRequest[];
  /** The files of the one repository; may be changed at any time. */
  readonly files: Map<string, Buffer>;
  commit: string;
  /** Looks at each request first; answers it itself where it returns true. */
  intercept: Answer;
  /** Where large files are redirected to; their own server by default. */
  contentOrigin: string | undefined;
  /** What the listing says of a file; changed to lie. */
  describe: (name: string, content: Buffer) => object;
  close(): Promise<void>;
}

export const repository = 'owner/tiny-model';
const isLarge = (name: string): boolean => name.endsWith('.safetensors');

export const sha256 = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
export const gitHash = (content: Buffer): string =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');

/** A server on this machine that speaks the part of the hub's protocol that downloads need. */
export async function startLoopbackHub(files: Iterable<readonly [string, Buffer]>): Promise<LoopbackHub> {
  const hub: LoopbackHub = {
    endpoint: '',
    requests: [],
    files: new Map(files),
    commit: 'a'.repeat(40),
    intercept: () => false,
    contentOrigin: undefined,
    describe: (name, content) => ({
      type: 'file',
      path: name,
      oid: isLarge(name) ? 'b'.repeat(40) : gitHash(content),
      size: content.length,
      ...(isLarge(name) && { lfs: { oid: sha256(content), size: content.length, pointerSize: 134 } }),
    }),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    hub.requests.push({ path, headers: request.headers });
    if (hub.intercept(request, response, path)) return;
    answer(hub, request, response, path);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address with a port.
  const { port } = server.address() as AddressInfo;
  Object.assign(hub, { endpoint: `http://127.0.0.1:${port}` });
  onTestFinished(async () => {
    server.closeAllConnections();
    await hub.close();
  });
  return hub;
}

function answer(hub: LoopbackHub, request: IncomingMessage, response: ServerResponse, path: string): void {
  const revision = /^\/api\/models\/owner\/tiny-model\/revision\/(.+)$/.exec(path)?.[1];
  if (revision !== undefined) {
    if (revision === 'main' || revision === 'refs/pr/1' || revision === hub.commit)
      sendJson(response, { sha: hub.commit });
    else sendFault(response, 404, 'RevisionNotFound');
  } else if (path.startsWith(`/api/models/${repository}/tree/${hub.commit}?`)) {
    sendJson(response, [
      { type: 'directory', path: 'original', oid: 'c'.repeat(40), size: 0 },
      ...[...hub.files].map(([name, content]) => hub.describe(name, content)),
    ]);
  } else if (path.startsWith(`/${repository}/resolve/${hub.commit}/`) || path.startsWith('/content/')) {
    const name = path.split('/').at(-1) ?? '';
    const content = hub.files.get(name);
    if (!content) sendFault(response, 404, 'EntryNotFound');
    else if (isLarge(name) && !path.startsWith('/content/')) {
      response.writeHead(302, { location: `${hub.contentOrigin ?? ''}/content/${name}` }).end();
    } else sendContent(request, response, content);
  } else {
    sendFault(response, 404, 'RepoNotFound');
  }
}

export function sendJson(response: ServerResponse, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

export function sendFault(response: ServerResponse, status: number, code = '', message = ''): void {
  const headers = { ...(code && { 'x-error-code': code }), ...(message && { 'x-error-message': message }) };
  response.writeHead(status, headers).end('a page');
}

/** Sends a file, or the rest of it where a range is asked for. */
export function sendContent(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
  sendContentStart(request, response, content);
  response.end();
}

/** The same up to byte `end`, and leaves the connection open. */
export function sendContentStart(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  end = content.length,
): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const headers = { 'content-length': content.length - start };
  if (start > 0) {
    response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` });
  } else response.writeHead(200, headers);
  response.write(content.subarray(start, end));
}
