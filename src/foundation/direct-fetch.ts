import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import type { Dispatcher } from 'undici';

/** As long as Node's own fetch waits for a connection. */
const connectionMilliseconds = 10_000;

interface DirectFetchOptions {
  /**
   * Posts by the proxies that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name, as Node's own fetch does where
   * NODE_USE_ENV_PROXY is 1. Default no.
   */
  readonly proxied?: boolean;
}

interface Post {
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  readonly signal: AbortSignal | null;
}

type Request = (
  url: string,
  options: Omit<Dispatcher.RequestOptions, 'origin' | 'path'>,
) => Promise<Dispatcher.ResponseData>;

/**
 * A fetch that posts text by a shorter way, undici's `request`: for a short call Node's own needs more than twice the
 * processor time, most of it for streams (docs/decisions/0005). Responses come when they are whole. Everything else
 * goes through the fetch that is given, and so does what a server wants to have sent elsewhere.
 */
export function createDirectFetch(
  fetch: typeof globalThis.fetch,
  { proxied = false }: DirectFetchOptions = {},
): typeof globalThis.fetch {
  let opened: Promise<Request> | null = null;
  const open = (): Promise<Request> =>
    (opened ??= openRequest(proxied).catch((cause: unknown) => {
      opened = null;
      throw cause;
    }));
  return async (input, init) => {
    const post = readPost(input, init);
    const response = post === null ? null : await send(post, open);
    return response === null || (response.status >= 300 && response.status < 400) ? fetch(input, init) : response;
  };
}

/** Null where it is something else, or where an address is not plain. */
function readPost(input: unknown, init: RequestInit | undefined): Post | null {
  const { method, body, headers, signal } = init ?? {};
  if (method !== 'POST' || typeof body !== 'string' || typeof input !== 'string') return null;
  const url = URL.canParse(input) ? new URL(input) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || `${url.username}${url.password}` !== '') return null;
  return {
    url: input,
    body,
    headers: headers instanceof Headers ? headers : new Headers(headers),
    signal: signal ?? null,
  };
}

/** Loaded with the first request: most commands make none. */
async function openRequest(proxied: boolean): Promise<Request> {
  const { Agent, EnvHttpProxyAgent, request } = await import('undici');
  // How long an answer may take is for the caller to say, by its signal.
  const settings = { connect: { timeout: connectionMilliseconds }, headersTimeout: 0, bodyTimeout: 0 };
  const dispatcher = proxied ? new EnvHttpProxyAgent(settings) : new Agent(settings);
  return (url, options) => request(url, { ...options, dispatcher });
}

/** Rejects as fetch does: with the reason of the signal, or with a TypeError that has what went wrong as its cause. */
async function send({ url, headers, body, signal }: Post, open: () => Promise<Request>): Promise<Response> {
  signal?.throwIfAborted();
  try {
    const request = await open();
    const response = await request(url, {
      method: 'POST',
      headers: {
        'content-type': 'text/plain;charset=UTF-8',
        ...Object.fromEntries(headers),
        'accept-encoding': 'identity',
      },
      body,
      signal,
    });
    return toResponse(response, Buffer.from(await response.body.arrayBuffer()));
  } catch (cause) {
    signal?.throwIfAborted();
    throw new TypeError('fetch failed', { cause });
  }
}

/** For servers that encode without being asked to. */
const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

/** Statuses with which a Response must have no body. */
const bodiless: readonly number[] = [204, 205, 304];

function toResponse({ statusCode, statusText, headers: received }: Dispatcher.ResponseData, bytes: Buffer): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(received))
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) headers.append(name, one);
  const decode = decoders[headers.get('content-encoding')?.trim().toLowerCase() ?? ''];
  return new Response(bodiless.includes(statusCode) ? null : (decode?.(bytes) ?? bytes), {
    status: statusCode,
    statusText,
    headers,
  });
}
