import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { createDirectFetch } from '../src/foundation/direct-fetch.js';
import { openHostedSampler } from '../src/models/open-hosted-sampler.js';

/**
 * `npm run bench:hosted [-- --answers 20000]`: answers a second that driftline takes from a server that answers at once, and the memory that it
 * holds meanwhile. The server is a process of its own; driftline's side runs on one thread.
 */

const { values: options } = parseArgs({
  options: { answers: { type: 'string', default: '20000' }, serve: { type: 'boolean', default: false } },
});
const answers = Number(options.answers);

if (options.serve) await serve();
else await measure();

async function serve(): Promise<void> {
  const body = JSON.stringify({
    choices: [{ index: 0, message: { role: 'assistant', content: 'Yes.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 8, completion_tokens: 2, total_tokens: 10 },
  });
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on a port has an address with a port.
  process.send?.((server.address() as AddressInfo).port);
  process.on('disconnect', () => process.exit());
}

async function measure(): Promise<void> {
  const child = fork(new URL(import.meta.url), ['--serve']);
  const [port] = (await once(child, 'message')) as [number]; // what `serve` sends
  const environment = { OPENAI_API_KEY: 'none', OPENAI_BASE_URL: `http://127.0.0.1:${String(port)}/v1` };
  const sampler = openHostedSampler({ model: 'bench', environment, fetch: createDirectFetch(fetch) });
  const messages = [{ role: 'user' as const, content: 'Would you do it?' }];
  // Connections and code are warm before the clock starts.
  for await (const answer of sampler.sample([{ messages, count: 500 }])) if (answer.text !== 'Yes.') process.exit(1);
  const [start, used] = [performance.now(), process.cpuUsage()];
  let done = 0;
  for await (const answer of sampler.sample([{ messages, count: answers, seed: 500 }])) {
    done += answer.text === 'Yes.' ? 1 : 0;
    if (done % Math.ceil(answers / 10) === 0 || done === answers) {
      const seconds = (performance.now() - start) / 1000;
      const { user, system } = process.cpuUsage(used);
      const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
      const { rss, heapUsed } = process.memoryUsage();
      process.stdout.write(
        `${String(done)} answers, ${(done / seconds).toFixed(0)} a second, ${(done / ((user + system) / 1e6)).toFixed(0)} a second of processor time, ` +
          `${megabytes(rss)} MiB resident, ${megabytes(heapUsed)} MiB heap\n`,
      );
    }
  }
  await sampler.close();
  child.disconnect();
}
