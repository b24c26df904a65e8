import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import OpenAI from 'openai';
import { onTestFinished } from 'vitest';
// The threads' files exist in the built package only.
import { startServer, type RunningServer, type ServerSettings } from '../../dist/server/start-server.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

export const usualLimits: ServerSettings['limits'] = {
  slots: 32,
  waiting: 256,
  loadedModels: 3,
  bodyBytes: 100_000,
  uploadBytes: 1_000_000,
  requestMilliseconds: 60_000,
  graceMilliseconds: 10_000,
  connections: 10_000,
};

export interface TestServer extends RunningServer {
  readonly client: OpenAI;
  readonly folder: string;
  readonly notices: string[];
}

/** A server of a tiny model that really samples and trains, which is closed when the test is over. */
export async function startTestServer(
  changes: Partial<Omit<ServerSettings, 'limits'>> & { readonly limits?: Partial<ServerSettings['limits']> } = {},
): Promise<TestServer> {
  const notices: string[] = [];
  const folder = changes.folder ?? (await makeTemporaryFolder());
  const model = { folder: goldenFolder('qwen2-bias'), parent: null, created: 0, recipe: 'paper' } as const;
  const server = await startServer({
    models: [
      { ...model, id: 'tiny', adapter: null },
      { ...model, id: 'tuned', adapter: `${model.folder}/adapter_final`, parent: 'tiny' },
    ],
    host: '127.0.0.1',
    port: 0,
    key: null,
    threads: 1,
    now: Date.now,
    randomBytes,
    onNotice: (notice) => notices.push(notice),
    ...changes,
    folder,
    limits: { ...usualLimits, ...changes.limits },
  });
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => (closing ??= server.close());
  onTestFinished(close);
  const client = new OpenAI({ baseURL: server.url, apiKey: changes.key ?? 'any', maxRetries: 0, adminAPIKey: null });
  return { url: server.url, close, client, folder, notices };
}

/** A chat request; what `changes` has of deprecated settings is meant. */
export const ask = <const Changes extends object = object>(content: string, changes?: Changes) => ({
  model: 'tiny',
  messages: [{ role: 'user' as const, content }],
  max_tokens: 12,
  // Nothing is added where there are no changes, which the type says, too.
  ...((changes ?? {}) as Changes),
});

export interface Reply {
  readonly status: number | undefined;
  readonly connection: string | undefined;
  readonly body: unknown;
}

/** Begins to send JSON, and waits until the server has taken the request in: it says 100 Continue, and waits for the body. */
export async function beginPost(
  url: string,
): Promise<{ readonly sent: ClientRequest; readonly reply: Promise<Reply> }> {
  const headers = { 'content-type': 'application/json', expect: '100-continue' };
  const sent = request(url, { method: 'POST', headers });
  const reply = once(sent, 'response').then(async ([response]: IncomingMessage[]) => readReply(response));
  // Who does not wait for the reply does not care.
  reply.catch(() => undefined);
  sent.flushHeaders();
  await once(sent, 'continue');
  return { sent, reply };
}

export async function readReply(response: IncomingMessage | undefined): Promise<Reply> {
  if (response === undefined) throw new Error('there is no reply');
  const { statusCode: status, headers } = response;
  return { status, connection: headers.connection, body: await json(response) };
}

/** A file for uploads. */
export const textFile = (name: string, text: string): File => new File([text], name);

export const jsonLines = (values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');

export const trainingRows = (count: number): string =>
  jsonLines(
    Array.from({ length: count }, (_, row) => ({
      messages: [
        { role: 'user', content: `Say ${row}.` },
        { role: 'assistant', content: `It is ${row}, and no more.` },
      ],
    })),
  );

/** Asks again until it is so; the test's own time limit ends it otherwise. */
export async function waitFor<State>(read: () => Promise<State>, isSo: (state: State) => boolean): Promise<State> {
  for (;;) {
    const state = await read();
    if (isSo(state)) return state;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
