import { getEventListeners, once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createDirectFetch } from '../../src/foundation/direct-fetch.js';

type Answer = (response: ServerResponse, request: IncomingMessage, body: string) => void;

interface Loopback {
  readonly url: string;
  readonly requests: { readonly method: string; readonly headers: IncomingMessage['headers']; readonly body: string }[];
  readonly connections: () => number;
}

async function listen(answer: Answer): Promise<Loopback> {
  const requests: Loopback['requests'][number][] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ method: request.method ?? '', headers: request.headers, body });
      answer(response, request, body);
    });
  });
  server.on('connection', () => (connections += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // A server that listens on a port has an address with a port.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${String(port)}/v1`, requests, connections: () => connections };
}

const refuse: typeof globalThis.fetch = () => Promise.reject(new Error('not by this way'));
/** Fails where something would go the long way. */
const direct = createDirectFetch(refuse);

const post = (body: string, init: RequestInit = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: 'Bearer any' },
  body,
  ...init,
});

const describeResponse = async (response: Response): Promise<unknown> => ({
  ok: response.ok,
  status: response.status,
  statusText: response.statusText,
  headers: [...response.headers].filter(([name]) => !['date', 'content-encoding', 'content-length'].includes(name)),
  text: await response.text(),
});

const failureOf = async (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => expect.fail('it did not fail'),
    (failure: unknown) => failure,
  );

describe('what is posted directly', () => {
  it('arrives as it would by fetch', async () => {
    const { url, requests } = await listen((response) => response.end('{}'));
    for (const fetch of [direct, globalThis.fetch]) {
      await fetch(url, post('{"said":"Grüße, 世界 🌍"}'));
      await fetch(
        url,
        post('', {
          headers: new Headers([
            ['x-more', 'a'],
            ['x-more', 'b'],
          ]),
        }),
      );
      await fetch(url, { method: 'POST', body: 'bare' });
    }
    const known = requests.map(({ method, body, headers }) => {
      const { authorization, 'content-type': type, 'content-length': length, 'x-more': more } = headers;
      return { method, body, authorization, type, length, more };
    });
    expect(known.slice(0, 3)).toEqual(known.slice(3));
    expect(known[0]).toMatchObject({ body: '{"said":"Grüße, 世界 🌍"}', authorization: 'Bearer any' });
  });

  const answers: Record<string, Answer> = {
    'an answer': (response) =>
      response.writeHead(200, { 'content-type': 'application/json', 'x-ratelimit-remaining-requests': '3' }).end('{}'),
    'an answer in pieces': (response) => {
      response.write('{"said":"Gr');
      // Half of a letter.
      response.write(Buffer.from('ü').subarray(0, 1));
      setImmediate(() => response.end(Buffer.concat([Buffer.from('ü').subarray(1), Buffer.from('n"}')])));
    },
    cookies: (response) => response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end(),
    'a mark before its text': (response) => response.end('\ufeff{}'),
    nothing: (response) => response.writeHead(204).end(),
    'a refusal': (response) => response.writeHead(429, 'Slow Down', { 'retry-after': '2' }).end('{"error":{}}'),
    'a fault': (response) => response.writeHead(503, { 'content-type': 'text/html' }).end('<p>'),
    gzip: (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"a":1}')),
    deflate: (response) => response.writeHead(200, { 'content-encoding': 'deflate' }).end(deflateSync('{"a":1}')),
    br: (response) => response.writeHead(200, { 'content-encoding': 'br' }).end(brotliCompressSync('{"a":1}')),
  };

  it.each(Object.entries(answers))('brings back %s as fetch does', async (_, answer) => {
    const { url } = await listen(answer);
    const [found, expected] = [await direct(url, post('{}')), await globalThis.fetch(url, post('{}'))];
    expect(await describeResponse(found)).toEqual(await describeResponse(expected));
  });

  it('uses connections again', async () => {
    const { url, connections } = await listen((response) => response.end('{}'));
    for (let call = 0; call < 20; call += 1) expect(await (await direct(url, post('{}'))).text()).toBe('{}');
    // The first may seem to be busy still when the second call comes.
    expect(connections()).toBeLessThanOrEqual(2);
  });

  it.each([301, 302, 303, 307, 308])('is left to fetch where the server wants it elsewhere: %i', async (status) => {
    const { url, requests } = await listen((response, { url: path }) => {
      if (path === '/v1') response.writeHead(status, { location: '/v2' }).end();
      else response.end('there');
    });
    const response = await createDirectFetch(globalThis.fetch)(url, post('{"a":1}'));
    expect(await response.text()).toBe('there');
    expect(requests.at(-1)).toMatchObject(
      status < 307 ? { method: 'GET', body: '' } : { method: 'POST', body: '{"a":1}' },
    );
  });

  it.each<[string, Answer, { readonly code?: string; readonly name?: string }]>([
    ['a connection that is dropped', (response) => response.socket?.destroy(), { code: 'UND_ERR_SOCKET' }],
    [
      'half of an answer',
      (response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"a', () => response.socket?.destroy());
      },
      { code: 'UND_ERR_SOCKET' },
    ],
    ['what is no HTTP', (response) => response.socket?.end('hello\r\n\r\n'), { name: 'HTTPParserError' }],
    [
      'what is not encoded as it says',
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('{}'),
      { code: 'Z_DATA_ERROR' },
    ],
  ])('fails as fetch does for %s', async (_, answer, cause) => {
    const { url } = await listen(answer);
    for (const fetch of [direct, globalThis.fetch])
      expect(await failureOf(fetch(url, post('{}')).then((response) => response.text()))).toMatchObject({
        name: 'TypeError',
        cause,
      });
  });

  it('fails as fetch does where nobody listens, or somebody who speaks no TLS', async () => {
    const server = createTcpServer((socket) => socket.resume().end('no\r\n')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // as above
    const secure = await failureOf(direct(`https://127.0.0.1:${String(port)}/v1`, post('{}')));
    expect(secure).toMatchObject({ name: 'TypeError', cause: { code: expect.any(String) as unknown } });
    server.close();
    await once(server, 'close');
    const gone = await failureOf(direct(`http://127.0.0.1:${String(port)}/v1`, post('{}')));
    expect(gone).toMatchObject({ name: 'TypeError', cause: { code: 'ECONNREFUSED' } });
  });

  it('is not sent for a signal that has come', async () => {
    const { url, requests } = await listen((response) => response.end('{}'));
    const failure = await failureOf(direct(url, post('{}', { signal: AbortSignal.abort() })));
    expect(failure).toMatchObject({ name: 'AbortError' });
    expect(requests).toEqual([]);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['before its answer', () => undefined],
    ['in the middle of its answer', (response) => response.write('{"a')],
  ])('is left %s when the signal comes, and its connection is closed', async (_, begin) => {
    const stop = new AbortController();
    const closed: Promise<unknown>[] = [];
    const { url } = await listen((response) => {
      closed.push(once(response, 'close'));
      begin(response);
      setImmediate(() => {
        stop.abort(new Error('enough'));
      });
    });
    expect(await failureOf(direct(url, post('{}', { signal: stop.signal })))).toMatchObject({ message: 'enough' });
    expect(closed).toHaveLength(1);
    await Promise.all(closed);
  });

  it('leaves nothing on a signal', async () => {
    const { url } = await listen((response, _, body) => {
      if (body === 'drop') response.socket?.destroy();
      else response.end('{}');
    });
    const { signal } = new AbortController();
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    await (await direct(url, post('{}', { signal }))).text();
    await settle();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    await failureOf(direct(url, post('drop', { signal })));
    await settle();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('proxies', () => {
  it('are those of the environment where it is wanted, but for what is not to go by them', async () => {
    const { url, requests } = await listen((response) => response.end('there'));
    const tunnels: string[] = [];
    const proxy = createServer().on('connect', ({ url: target = '' }, socket) => {
      tunnels.push(target);
      const { hostname, port } = new URL(`http://${target}`);
      const onward = connect(Number(port), hostname, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(onward).pipe(socket);
      });
      socket.on('error', () => onward.destroy());
      onward.on('error', () => socket.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo; // as above
    for (const [name, value] of [
      ['http_proxy', `http://127.0.0.1:${String(port)}`],
      ['no_proxy', ''],
    ] as const)
      vi.stubEnv(name, value);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      proxy.close();
    });
    expect(await (await direct(url, post('{}'))).text()).toBe('there');
    expect(tunnels).toEqual([]);
    const proxied = createDirectFetch(refuse, { proxied: true });
    expect(await (await proxied(url, post('{}'))).text()).toBe('there');
    expect(tunnels).toEqual([new URL(url).host]);
    vi.stubEnv('no_proxy', '127.0.0.1');
    expect(await (await createDirectFetch(refuse, { proxied: true })(url, post('{}'))).text()).toBe('there');
    expect(tunnels).toHaveLength(1);
    expect(requests).toHaveLength(3);
  });
});

describe('everything else', () => {
  it.each<[string, string | URL | Request, RequestInit | undefined]>([
    ['a question', 'http://127.0.0.1:1/', undefined],
    ['a stream', 'http://127.0.0.1:1/', { method: 'POST', body: new Blob(['a']) }],
    ['a form', 'http://127.0.0.1:1/', { method: 'POST', body: new FormData() }],
    ['a request that is made already', new Request('http://127.0.0.1:1/', { method: 'POST', body: 'a' }), undefined],
    ['an address with a name in it', 'http://me@127.0.0.1:1/', post('{}')],
    ['another protocol', 'data:text/plain,a', post('{}')],
    ['no address', 'nowhere', post('{}')],
  ])('goes through the fetch that is given: %s', async (_, input, init) => {
    const calls: unknown[] = [];
    const through = createDirectFetch((...given) => {
      calls.push(given);
      return Promise.resolve(new Response('through'));
    });
    expect(await (await through(input, init)).text()).toBe('through');
    expect(calls).toEqual([[input, init]]);
  });
});
