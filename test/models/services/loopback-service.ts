import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { onTestFinished } from 'vitest';
import { services, type ServiceName } from '../../../src/models/services/services.js';

export interface ServiceRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Parsed JSON; null where there was none. */
  readonly body: unknown;
}

export interface ServiceReply {
  readonly status?: number;
  /** Text is sent as it is. */
  readonly body: unknown;
}

export interface LoopbackService {
  /** With the path that the service has. */
  readonly address: string;
  readonly requests: ServiceRequest[];
  /** Its variables, with a key where it wants one. */
  readonly environment: Record<string, string>;
  readonly close: () => Promise<void>;
}

export const serviceKey = 'sk-loopback-0123456789';

/** A server that stands for a service at a loopback address, and answers as `reply` says; null is 404. */
export async function startLoopbackService(
  name: ServiceName,
  reply: (request: ServiceRequest) => ServiceReply | null,
): Promise<LoopbackService> {
  const requests: ServiceRequest[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming;
      const text = Buffer.concat(chunks).toString();
      const request = { method, url, headers, body: text === '' ? null : (JSON.parse(text) as unknown) };
      requests.push(request);
      const { status = 200, body } = reply(request) ?? { status: 404, body: { error: { message: 'Not Found' } } };
      const isText = typeof body === 'string';
      response
        .writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' })
        .end(isText ? body : JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  const { endpoint, variables, needsKey } = services[name];
  const address = `http://127.0.0.1:${String(bound.port)}${endpoint === null ? '' : new URL(endpoint).pathname}`;
  return {
    address,
    requests,
    environment: { [variables.address]: address, ...(needsKey ? { [variables.key]: serviceKey } : {}) },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The same, closed when the test is over. */
export async function startServiceInTest(
  ...settings: Parameters<typeof startLoopbackService>
): Promise<LoopbackService> {
  const service = await startLoopbackService(...settings);
  onTestFinished(() => service.close());
  return service;
}
