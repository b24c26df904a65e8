import type { ServerResponse } from 'node:http';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { sendJson } from './loopback-chat-server.js';

/** How a server can fail a request without having answered it. */
export const faults = {
  limited: (response: ServerResponse) => {
    sendJson(response, 429, { error: { message: 'too many', code: 'rate_limit_exceeded' } });
  },
  'limited, with the time to wait': (response: ServerResponse) => {
    const headers = { 'retry-after-ms': '3' };
    sendJson(response, 429, { error: { message: 'too many', code: 'rate_limit_exceeded' } }, headers);
  },
  'limited until a date': (response: ServerResponse) => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    sendJson(response, 429, { error: { message: 'too many' } }, { 'retry-after': date });
  },
  'a time-out of its own': (response: ServerResponse) => {
    sendJson(response, 408, { error: { message: 'late' } });
  },
  'a conflict': (response: ServerResponse) => {
    sendJson(response, 409, { error: { message: 'locked' } });
  },
  'an error': (response: ServerResponse) => {
    sendJson(response, 500, { error: { message: 'oh' } });
  },
  'an error without JSON': (response: ServerResponse) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>Bad gateway');
  },
  'a dropped connection': (response: ServerResponse) => {
    response.socket?.destroy();
  },
  'half of an answer': (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"choices":[{"mess', () => response.socket?.destroy());
  },
  'half of an answer as if it were whole': (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[{"mess');
  },
  'a page': (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Please log in');
  },
  'an error as if it were an answer': (response: ServerResponse) => {
    sendJson(response, 200, { error: { message: 'overloaded' } });
  },
} as const;

export type Fault = keyof typeof faults;

/** 10 % limits, 5 % errors, 2 % dropped connections, 1 % garbage. */
const shares: readonly (readonly [Fault, number])[] = [
  ['limited', 0.05],
  ['limited, with the time to wait', 0.05],
  ['an error', 0.03],
  ['an error without JSON', 0.02],
  ['a dropped connection', 0.01],
  ['half of an answer', 0.01],
  ['a page', 0.005],
  ['half of an answer as if it were whole', 0.005],
];

/** From now on some requests fail, which ones by chance and the seed; counts how often each fault came. */
export function switchOnFaults(
  server: { intercept: (response: ServerResponse, ...more: never[]) => boolean },
  seed: number,
): Map<Fault, number> {
  const { uniform } = createRandomStream(seed, 'faults');
  const counts = new Map<Fault, number>();
  server.intercept = (response) => {
    let drawn = uniform();
    for (const [fault, share] of shares) {
      drawn -= share;
      if (drawn >= 0) continue;
      counts.set(fault, (counts.get(fault) ?? 0) + 1);
      faults[fault](response);
      return true;
    }
    return false;
  };
  return counts;
}
