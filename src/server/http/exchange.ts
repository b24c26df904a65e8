import type { IncomingMessage } from 'node:http';

/** A request as its handler sees it. */
export interface Exchange {
  readonly request: IncomingMessage;
  /** What stands in the path where the route has `:name`. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Aborted when nobody waits for the reply any more: the client went, the time is up, or the server ends. */
  readonly signal: AbortSignal;
}

/** Sends one event of a stream. */
export type SendEvent = (event: object) => void;

export type Reply =
  | { readonly kind: 'json'; readonly body: object; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly name: string }
  /** What fails before the first event is a reply like any other. */
  | { readonly kind: 'events'; readonly run: (send: SendEvent) => Promise<void> };

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `:name` stands for one part; `*name`, at the end, for all that is left, slashes included, as names of models have them. */
  readonly path: string;
  readonly handle: (exchange: Exchange) => Promise<Reply>;
}

export function json(body: object): Reply {
  return { kind: 'json', body };
}
