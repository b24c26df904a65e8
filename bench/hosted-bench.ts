import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startBenchWorker, type BenchWorker } from './bench-worker.js';
import type { HostedFigures, HostedTask } from './hosted-figures.js';

/**
 * `npm run bench:hosted [-- --answers 200000 --others 10000 --python python3 --json]`: answers a second that driftline
 * takes from a server that answers at once, and the memory that it holds meanwhile; beside it the figures by Node's own
 * fetch and, where Python has it, those of Inspect AI, which are asked for `--others` answers. Server and client are
 * processes of their own, each on one core where there is `taskset`.
 */

const { values: options } = parseArgs({
  options: {
    answers: { type: 'string', default: '20000' },
    others: { type: 'string', default: '' },
    'warm-up': { type: 'string', default: '2000' },
    python: { type: 'string', default: process.env['DRIFTLINE_BENCH_PYTHON'] ?? 'python3' },
    only: { type: 'string', default: 'sampled,stored,fetched,inspect' },
    json: { type: 'boolean', default: false },
  },
});
const answers = Number(options.answers);
const others = options.others === '' ? Math.min(answers, 10_000) : Number(options.others);
const warmUp = Number(options['warm-up']);
/** As many as driftline opens. */
const connections = 64;
const pins = canPin();

interface Contender {
  readonly name: string;
  readonly what: string;
  readonly answers: number;
  readonly command: readonly [string, ...string[]];
}

const place = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
/** Node as it runs here: with the loader of TypeScript. */
const node = (file: string, ...parameters: string[]): [string, ...string[]] => [
  process.execPath,
  ...process.execArgv,
  place(file),
  ...parameters,
];
const contenders: readonly Contender[] = [
  { name: 'sampled', what: 'driftline', answers, command: node('hosted-client.ts', 'sampled') },
  { name: 'stored', what: 'driftline, stored as by a run', answers, command: node('hosted-client.ts', 'stored') },
  { name: 'fetched', what: "driftline by Node's fetch", answers: others, command: node('hosted-client.ts', 'fetched') },
  ...findInspect(),
].filter(({ name }) => options.only.split(',').includes(name));

const server = start(0, node('hosted-server.ts'));
const { port } = (await server.ask({ task: 'start' })) as { readonly port: number }; // the server's own
const rows: (HostedFigures & Pick<Contender, 'name' | 'what'>)[] = [];
for (const { name, what, command, ...contender } of contenders) {
  const client = start(1, command);
  const endpoint = `http://127.0.0.1:${String(port)}/v1`;
  const task: HostedTask = { task: 'measure', endpoint, warmUp, connections, answers: contender.answers };
  // Our own workers' answers.
  const figures = (await client.ask(task)) as unknown as HostedFigures;
  client.close();
  rows.push({ name, what, ...figures });
  if (!options.json) console.log(describe(rows.at(-1)!)); // just pushed
}
server.close();
if (options.json)
  console.log(JSON.stringify({ node: process.version, processor: cpus()[0]?.model, pinned: pins, rows }, null, 2));

function describe({ what, answers: done, seconds, processorSeconds, memory }: (typeof rows)[number]): string {
  const mebibytes = memory.map(({ residentBytes }) => (residentBytes / 2 ** 20).toFixed(0)).join(', ');
  return (
    `${what}: ${String(done)} answers, ${(done / seconds).toFixed(0)} a second, ` +
    `${(done / processorSeconds).toFixed(0)} a second of processor time; ` +
    `${mebibytes} MiB resident at each quarter`
  );
}

/** On a core of its own where that can be had. */
function start(core: number, command: readonly [string, ...string[]]): BenchWorker {
  const [program, ...parameters] = pins ? (['taskset', '-c', String(core), ...command] as const) : command;
  return startBenchWorker(program, parameters);
}

function canPin(): boolean {
  if (availableParallelism() < 2) return false;
  try {
    execFileSync('taskset', ['-c', '0,1', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not on this system, or not on these cores
  }
}

function findInspect(): Contender[] {
  try {
    const script = 'import inspect_ai, openai; print(inspect_ai.__version__)';
    const version = execFileSync(options.python, ['-c', script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    const command = [options.python, place('hosted_inspect.py')] as const;
    return [{ name: 'inspect', what: `Inspect AI ${version}`, answers: others, command: [...command] }];
  } catch {
    if (options.only.includes('inspect'))
      console.error(
        `Inspect AI is left out: ${options.python} has no inspect_ai and openai (--python names another one)`,
      );
    return [];
  }
}
