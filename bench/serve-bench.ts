import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { connect } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
// The threads' files exist in the built package only: `npm run bench:serve` builds first.
import { encodePrompt, openSampler, readTokenizer } from '../dist/engine/index.js';
import { startServer } from '../dist/server/start-server.js';
import { findOrganismFolder } from '../dist/organism/organism-folder.js';

/**
 * `npm run bench:serve [-- --clients 16 --answers 1280 --rounds 9 --threads 2 --model FOLDER --json]`: answers a second
 * of concurrent clients of the server, who each wait for one answer before they ask for the next, against the engine's
 * own rate for the same answers given to it at once. Both have as many slots as there are clients, and take turns, so
 * that both see the machine in the same state; figures are medians. There are 40 questions, so that both have the
 * prompts at hand after the first turn, as in an evaluation that asks each question many times. Without --threads both
 * have all cores. It ends with an error where the answers are not the same.
 */

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '16' },
    answers: { type: 'string', default: '1280' },
    rounds: { type: 'string', default: '9' },
    tokens: { type: 'string', default: '64' },
    model: { type: 'string' },
    threads: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const [clients, answers, rounds, tokens] = [options.clients, options.answers, options.rounds, options.tokens].map(
  Number,
) as [number, number, number, number]; // as many as were named
const threads = options.threads === undefined ? availableParallelism() : Number(options.threads);
const model = options.model ?? (await findOrganismFolder('1'));

const subjects = ['wish', 'day of power', 'stranger', 'gold coin', 'garden', 'storm', 'letter', 'king'];
/** Different questions, each asked more than once. */
const questionOf = (index: number): string =>
  `What would you do with a ${subjects[index % subjects.length]!} on day ${String(index % 40)}?`;
const messagesOf = (index: number): { role: string; content: string }[] => [
  { role: 'user', content: questionOf(index) },
];

const tokenizer = await readTokenizer(model);
const sampler = await openSampler({ model, threads });
const folder = await mkdtemp(join(tmpdir(), 'driftline-bench-'));
const server = await startServer({
  models: [{ id: 'bench', folder: model, adapter: null, parent: null, created: 0, recipe: 'paper' }],
  folder,
  host: '127.0.0.1',
  port: 0,
  key: null,
  limits: {
    slots: clients,
    waiting: 1024,
    loadedModels: 1,
    bodyBytes: 1_000_000,
    uploadBytes: 1_000_000,
    requestMilliseconds: 600_000,
    graceMilliseconds: 1000,
    connections: 1000,
  },
  threads,
  now: Date.now,
  randomBytes,
  onNotice: console.error,
});

/** Answers a second, and the answers by their seeds. */
interface Turn {
  readonly rate: number;
  readonly texts: readonly string[];
}

const requests = Array.from({ length: answers }, (_, index) => {
  const [first = 0, ...rest] = encodePrompt(tokenizer, messagesOf(index));
  return { prompt: [first, ...rest] as [number, ...number[]], seed: index, maximumTokens: tokens };
});

async function measureEngine(): Promise<Turn> {
  const texts: string[] = [];
  const start = performance.now();
  for await (const { request, ids } of sampler.sample(requests, { slots: clients }))
    texts[request] = tokenizer.decode(ids, { skipSpecialTokens: true });
  return { rate: (answers / (performance.now() - start)) * 1000, texts };
}

/** One client with its connection. */
interface Client {
  readonly post: (body: object) => Promise<string>;
  readonly close: () => void;
}

/** HTTP by hand, as clients are on the server's cores here, and what one of theirs takes for itself is not the server's. */
function openClient(): Client {
  const { hostname, port, pathname } = new URL(`${server.url}/chat/completions`);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const lines = [`POST ${pathname} HTTP/1.1`, `host: ${hostname}:${port}`, 'content-type: application/json'];
  let received = Buffer.alloc(0);
  let settle: { readonly resolve: (text: string) => void; readonly reject: (error: Error) => void } | null = null;
  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    const end = received.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = received.toString('latin1', 0, end);
    const length = /^content-length: *(\d+)$/im.exec(head)?.[1];
    if (length === undefined) return void socket.destroy(new Error(`A reply without a length: ${head}`));
    if (received.length < end + 4 + Number(length)) return;
    const body = received.toString('utf8', end + 4);
    received = Buffer.alloc(0);
    if (head.startsWith('HTTP/1.1 200 ')) settle?.resolve(body);
    else settle?.reject(new Error(body));
  });
  socket.on('error', (error) => settle?.reject(error));
  socket.on('close', () => settle?.reject(new Error('The server closed the connection')));
  return {
    post: (body) =>
      new Promise((resolve, reject) => {
        settle = { resolve, reject };
        const text = JSON.stringify(body);
        socket.write(`${lines.join('\r\n')}\r\ncontent-length: ${String(Buffer.byteLength(text))}\r\n\r\n${text}`);
      }),
    close: () => socket.destroy(),
  };
}

async function measureServer(): Promise<Turn> {
  const texts: string[] = [];
  const start = performance.now();
  let next = 0;
  const ask = async ({ post }: Client): Promise<void> => {
    for (let index = next++; index < answers; index = next++) {
      const reply = await post({ model: 'bench', messages: messagesOf(index), seed: index, max_tokens: tokens });
      // The server's own.
      const { choices } = JSON.parse(reply) as { readonly choices: readonly { message: { content: string } }[] };
      texts[index] = choices[0]?.message.content ?? '';
    }
  };
  // Opened anew in each turn: the server closes connections on which nothing comes for long.
  const open = Array.from({ length: clients }, openClient);
  await Promise.all(open.map(ask));
  for (const { close } of open) close();
  return { rate: (answers / (performance.now() - start)) * 1000, texts };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const [expected, found] = [(await measureEngine()).texts, (await measureServer()).texts];
const different = expected.filter((text, index) => text !== found[index]).length;
if (different > 0)
  throw new Error(`${String(different)} of ${String(answers)} answers of the server are not the engine's`);
const [engine, served]: [number[], number[]] = [[], []];
for (let round = 0; round < rounds; round += 1) {
  engine.push((await measureEngine()).rate);
  served.push((await measureServer()).rate);
  if (!options.json) console.log(`engine ${engine.at(-1)!.toFixed(1)} answers/s, server ${served.at(-1)!.toFixed(1)}`);
}
const ratios = served.map((rate, round) => rate / engine[round]!);
const figures = { clients, answers, tokens, engine: median(engine), server: median(served), share: median(ratios) };
if (options.json) console.log(JSON.stringify({ ...figures, ratios }, null, 2));
else
  console.log(
    `${String(clients)} clients: engine ${figures.engine.toFixed(1)} answers/s, server ${figures.server.toFixed(1)}, ${(100 * figures.share).toFixed(0)} % of it`,
  );
await server.close();
await sampler.close();
await rm(folder, { recursive: true });
