import { onTestFinished } from 'vitest';
import { complete, startLoopbackChatServer, type LoopbackChatServer } from './loopback-chat-server.js';

export interface PaidServer extends LoopbackChatServer {
  /** Seeds of the answers that it gave. */
  readonly paid: number[];
}

/** A loopback server that notes what it is paid for; closed when the test is finished. */
export async function startPaidServer(): Promise<PaidServer> {
  const server = await startLoopbackChatServer();
  onTestFinished(() => server.close());
  const paid: number[] = [];
  server.respond = (request) => {
    paid.push(request.seed);
    return complete(request);
  };
  return Object.assign(server, { paid });
}
