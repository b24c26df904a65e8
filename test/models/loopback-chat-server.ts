import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

export const bodySchema = z.looseObject({
  model: z.string(),
  messages: z.array(z.object({ role: z.string(), content: z.string() })),
  temperature: z.number(),
  top_p: z.number().optional(),
  seed: z.int().default(0),
  max_tokens: z.int().optional(),
  max_completion_tokens: z.int().optional(),
  // A number in the form of lists side by side.
  logprobs: z.union([z.boolean(), z.int()]).optional(),
  top_logprobs: z.int().optional(),
});

export type LoopbackRequest = z.output<typeof bodySchema>;

export interface LoopbackChatServer {
  /** For OPENAI_BASE_URL. */
  readonly endpoint: string;
  readonly requests: { readonly headers: IncomingHttpHeaders; readonly body: LoopbackRequest }[];
  /** Answers in place of the server where it returns true. */
  intercept: (response: ServerResponse) => boolean;
  /** What a completion is made by. */
  respond: (request: LoopbackRequest) => object;
  readonly close: () => Promise<void>;
}

/** A server of OpenAI's protocol whose words follow from messages and seed, or from the messages alone at temperature 0. */
export async function startLoopbackChatServer(): Promise<LoopbackChatServer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'GET') {
        // It has no list of models, as some servers have none.
        sendJson(response, 404, { error: { message: `no ${request.url ?? ''} here` } });
        return;
      }
      const body = bodySchema.parse(JSON.parse(Buffer.concat(chunks).toString()));
      chat.requests.push({ headers: request.headers, body });
      if (chat.intercept(response)) return;
      if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
        sendJson(response, 404, { error: { message: `no ${request.url ?? ''} here` } });
        return;
      }
      sendJson(response, 200, chat.respond(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address with a port.
  const { port } = server.address() as AddressInfo;
  const chat: LoopbackChatServer = {
    endpoint: `http://127.0.0.1:${port}/v1`,
    requests: [],
    intercept: () => false,
    respond: withoutFirst,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return chat;
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

/** As a server that knows no log-probabilities. */
function withoutFirst(request: LoopbackRequest): object {
  return complete({ ...request, logprobs: false });
}

/** Words that follow from what is asked, and from the seed where it matters. */
export function complete({ logprobs = false, top_logprobs: top = 0, ...request }: LoopbackRequest): object {
  const { messages, temperature, seed, max_tokens: longest = 16 } = request;
  const words = listWords(messages, temperature === 0 ? null : seed);
  const isCut = longest < words.length;
  const content = words.slice(0, longest).join(' ');
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content },
        finish_reason: isCut ? 'length' : 'stop',
        ...tellFirst(listWords(messages, null), logprobs, top),
      },
    ],
    usage: { prompt_tokens: 1, completion_tokens: Math.min(longest, words.length), total_tokens: 1 },
  };
}

function listWords(messages: LoopbackRequest['messages'], seed: number | null): string[] {
  return (
    createHash('sha256')
      .update(JSON.stringify([messages, seed]))
      .digest('hex')
      .match(/..../g) ?? []
  );
}

/** The words at temperature 0 as first tokens, each half as likely as the one before, in the form that was asked for. */
function tellFirst(words: readonly string[], logprobs: boolean | number, top: number): object {
  const likely = words.map((token, place) => ({ token, logprob: Math.log(0.5 ** (place + 1)) }));
  if (logprobs === true) return { logprobs: { content: [{ ...likely[0], top_logprobs: likely.slice(0, top) }] } };
  if (logprobs === false) return {};
  const list = Object.fromEntries(likely.slice(0, logprobs).map(({ token, logprob }) => [token, logprob]));
  return { logprobs: { tokens: [], token_logprobs: [], top_logprobs: [list] } };
}
