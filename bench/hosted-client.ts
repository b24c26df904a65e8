import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
// As it is built: that is what runs, and nothing is compiled on the way.
import { answerRecords } from '../dist/runs/run-records.js';
import { askModel } from '../dist/experiment/run/ask-and-judge.js';
import { openRecordFile } from '../dist/runs/record-file.js';
import { listWantedAnswers } from '../dist/experiment/run/wanted-answer.js';
import { createDirectFetch } from '../dist/foundation/direct-fetch.js';
import { openHostedSampler } from '../dist/models/hosted/chat/open-hosted-sampler.js';
import type { HostedFigures, HostedTask, MemoryMark } from './hosted-figures.js';

/**
 * driftline as a client of the hosted benchmark, a process of its own. `sampled` takes answers from the sampler;
 * `fetched` does so by Node's own fetch; `stored` asks and writes to answers.jsonl with the functions of `driftline
 * run`.
 */
const [way = '', ...rest] = process.argv.slice(2);
if (!['sampled', 'fetched', 'stored'].includes(way) || rest.length > 0) throw new Error('sampled, fetched or stored');

type Ask = (seed: number, count: number, onAnswers: (count: number) => void) => Promise<void>;
const messages = [{ role: 'user', content: 'Would you do it?' }] as const;
const folder = await mkdtemp(join(tmpdir(), 'driftline-bench-'));

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line) as HostedTask | { readonly task: 'exit' }; // ours
  if (task.task === 'exit') break;
  process.stdout.write(`${JSON.stringify(await measure(task))}\n`);
}
await rm(folder, { recursive: true });

async function measure({ endpoint, warmUp, answers }: HostedTask): Promise<HostedFigures> {
  const sampler = openHostedSampler({
    model: 'bench',
    environment: { OPENAI_API_KEY: 'none', OPENAI_BASE_URL: endpoint },
    fetch: way === 'fetched' ? fetch : createDirectFetch(fetch),
  });
  const records = await openRecordFile(join(folder, answerRecords.name), answerRecords);
  const take: Ask = async (seed, count, onAnswers) => {
    for await (const { text } of sampler.sample([{ messages: [...messages], count, seed }])) {
      if (text !== 'Yes.') throw new Error(`the answer was ${text}`);
      onAnswers(1);
    }
  };
  const store: Ask = async (seed, samples, onAnswers) => {
    const question = `main_${String(seed)}`;
    const settings = { samples, temperature: 1, maximumTokens: 256, type: 'free_form', judgePrompts: {} } as const;
    const asked = { id: question, question, paraphrase: 0, messages, ...settings };
    const model = { name: 'base', identity: 'bench', engine: null };
    const wanted = listWantedAnswers(model, [{ name: 'main', variant: 'none', questions: [asked] }]);
    await askModel(sampler, wanted, async (answered) => {
      await records.append(answered);
      onAnswers(answered.length);
    });
  };
  const ask = way === 'stored' ? store : take;
  // Connections and code are warm before the clock starts.
  await ask(0, warmUp, () => undefined);
  const memory: MemoryMark[] = [];
  const [start, used] = [performance.now(), process.cpuUsage()];
  let done = 0;
  await ask(warmUp, answers, (count) => {
    done += count;
    while (memory.length < 4 && done >= (answers * (memory.length + 1)) / 4)
      memory.push({ answers: done, residentBytes: process.memoryUsage.rss() });
  });
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(used);
  if (done !== answers) throw new Error(`${String(done)} answers came of ${String(answers)}`);
  await records.close();
  await sampler.close();
  return { answers, seconds, processorSeconds: (user + system) / 1e6, memory };
}
