import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hashContent } from '../src/foundation/content-hash.js';
import { limitConcurrency } from '../src/foundation/limit-concurrency.js';
import { partVariables, readInstalledParts, type InstalledPart } from '../test/cluster-real/installed-parts.js';
import { killAll, listMarked, runVariable } from '../test/cluster-real/marked-processes.js';
import { findPython, type PythonRange } from './cluster-environment/find-python.js';

/**
 * `npm run test:cluster -- [--only NAME,..] [--minutes N] [--install]`: installs Ray, TRL, vLLM and a server of
 * Tinker's protocol into a folder of their own, and holds driftline against them. What cannot be here is said and
 * skipped; what fails, or is not run when time is up, fails the whole.
 */
const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    minutes: { type: 'string', default: '25' },
    install: { type: 'boolean', default: false },
  },
});
const root = fileURLToPath(new URL('../', import.meta.url));
const lists = join(root, 'scripts/cluster-environment');
const begun = performance.now();
const deadline = begun + Number(options.minutes) * 60_000;
const mark = `cluster-${randomBytes(6).toString('hex')}`;
const vitest = ['vitest', 'run', '--config', 'test/cluster-real/vitest.config.ts'];

interface TestStep {
  readonly name: string;
  readonly about: string;
  readonly needs: readonly InstalledPart[];
  /** For npx. */
  readonly command: readonly string[];
}

/** The cheapest first; those that wait for the longest installation last. */
const steps: readonly TestStep[] = [
  {
    name: 'ray',
    about: 'a real Ray answers as the Ray of the tests does',
    needs: ['train'],
    command: [...vitest, 'ray-answers'],
  },
  {
    name: 'training',
    about:
      'TRL comes to the losses of the engine, and to the same adapter though trainer, driver, node or head are killed',
    needs: ['train'],
    command: [...vitest, 'training'],
  },
  {
    name: 'programs',
    about: 'bfloat16, full fine-tuning, two processes; residuals, log-probabilities and interventions are the engine’s',
    needs: ['train'],
    command: ['tsx', 'scripts/check-cluster-jobs.ts', '--only', 'recipes,devices,inside'],
  },
  {
    name: 'answers',
    about: 'each answer once though driftline and vLLM are killed; the verdict of the engine; both ways back',
    needs: ['train', 'vllm'],
    command: [...vitest, 'answers'],
  },
  {
    name: 'tinker',
    about: 'fine-tunes through Tinker’s protocol, at SkyRL’s server',
    needs: ['skyrl', 'tinker'],
    command: [...vitest, 'tinker'],
  },
];

const ranges: Readonly<Record<InstalledPart, PythonRange>> = {
  train: { from: 11, before: 14 },
  vllm: { from: 11, before: 14 },
  skyrl: { from: 12, before: 14 },
  tinker: { from: 11, before: 14 },
};

const seconds = (): string => `${String(Math.round((performance.now() - begun) / 1000))} s`;
const say = (text: string): void => {
  console.log(`\n== ${seconds()}: ${text}`);
};
const timeLeft = (): number => Math.max(0, deadline - performance.now());

/** Runs a program until it ends or time is up; null where time was up. All that it starts bears the mark of this call. */
async function runProgram(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<number | null> {
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, [runVariable]: mark, ...environment },
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(code ?? 1);
    });
  });
  const bell = new AbortController();
  const timer = sleep(timeLeft(), null, { signal: bell.signal }).catch(() => null);
  const code = await Promise.race([ended, timer]);
  bell.abort();
  if (code === null) await endAll();
  return code;
}

/** Nothing that was started here outlives it, not even what has left its group of processes. */
async function endAll(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    killAll((await listMarked(mark, runVariable)).filter(({ pid }) => pid !== process.pid));
    await sleep(200);
  }
}

/** The folder of what is installed: another one as soon as anything is listed otherwise. */
async function chooseFolder(): Promise<string> {
  const given = process.env['DRIFTLINE_CLUSTER_FOLDER'];
  if (given !== undefined && given !== '') return given;
  const names = (await readdir(lists)).filter((name) => /\.(txt|sh|py)$/.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(lists, name), 'utf8')));
  return join(homedir(), '.cache/driftline-cluster', hashContent(JSON.stringify([names, texts])).slice(0, 12));
}

/** An interpreter; or why there is none, which may be nobody's fault, or a failure. */
type FoundPart = { readonly python: string } | { readonly missing: string; readonly isFailure: boolean };

async function providePart(part: InstalledPart, folder: string): Promise<FoundPart> {
  const given = readInstalledParts(process.env)[part];
  if (given !== null) return { python: given };
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return {
      missing: `${part} is installed on Linux on x86-64 only; name an interpreter that has it in ${partVariables[part]}`,
      isFailure: false,
    };
  const installed = join(folder, part, 'bin/python');
  if (existsSync(join(folder, part, 'ready'))) return { python: installed };
  const { from, before } = ranges[part];
  const python = await findPython(ranges[part], process.env);
  if (python === null)
    return {
      missing: `${part} needs Python 3.${String(from)} to 3.${String(before - 1)}, and there is none`,
      isFailure: false,
    };
  say(`installs ${part} into ${join(folder, part)}, with ${python}`);
  const code = await runProgram('bash', [join(lists, 'install.sh'), part, folder, python]);
  if (code === 0) say(`${part} is installed`);
  return code === 0
    ? { python: installed }
    : {
        missing: `${part} could not be installed: ${code === null ? 'time was up' : `exit code ${String(code)}`}`,
        isFailure: true,
      };
}

const chosen = options.only?.split(',');
const unknown = chosen?.filter((name) => !steps.some((step) => step.name === name)) ?? [];
if (unknown.length > 0)
  throw new Error(`there is no ${unknown.join(', ')}; there are ${steps.map(({ name }) => name).join(', ')}`);
const wanted = steps.filter(({ name }) => chosen?.includes(name) !== false);
const folder = await chooseFolder();
// Two at a time: one fetches while another unpacks.
const enter = limitConcurrency(2);
const parts = new Map<InstalledPart, Promise<FoundPart>>();
for (const part of ['train', 'vllm', 'tinker', 'skyrl'] as const)
  if (wanted.some(({ needs }) => needs.includes(part)))
    parts.set(
      part,
      enter(() => providePart(part, folder)),
    );

const outcomes: { readonly name: string; readonly outcome: string; readonly isFailure: boolean }[] = [];
const note = (name: string, outcome: string, isFailure: boolean): void => {
  outcomes.push({ name, outcome, isFailure });
  say(`${name}: ${outcome}`);
};
try {
  for (const { name, about, needs, command } of wanted) {
    const found = await Promise.all(needs.map(async (part) => [part, await parts.get(part)] as const));
    const missing = found.flatMap(([, one]) => (one !== undefined && 'missing' in one ? [one] : []));
    if (missing.length > 0) {
      const isFailure = missing.some((one) => one.isFailure);
      note(name, `${isFailure ? 'not run' : 'skipped'}: ${missing.map((one) => one.missing).join('; ')}`, isFailure);
      continue;
    }
    if (options.install) {
      note(name, 'installed', false);
      continue;
    }
    if (timeLeft() === 0) {
      note(name, 'not run: time was up', true);
      continue;
    }
    say(`${name}: ${about}`);
    const environment = Object.fromEntries(
      found.flatMap(([part, one]) => (one !== undefined && 'python' in one ? [[partVariables[part], one.python]] : [])),
    );
    const pythons = [
      ...['--python', environment[partVariables.train] ?? ''],
      ...(partVariables.vllm in environment ? ['--vllm-python', environment[partVariables.vllm] ?? ''] : []),
    ];
    const isScript = command[0] === 'tsx';
    const start = performance.now();
    const code = await runProgram('npx', [...command, ...(isScript ? pythons : [])], environment);
    const took = `${String(Math.round((performance.now() - start) / 1000))} s`;
    if (code === null) note(name, `stopped after ${took}, and not run to its end: time was up`, true);
    else note(name, `${code === 0 ? 'passed' : 'FAILED'} in ${took}`, code !== 0);
  }
} finally {
  await endAll();
}
say('all of it');
for (const { name, outcome } of outcomes) console.log(`${name}: ${outcome}`);
if (outcomes.some(({ isFailure }) => isFailure)) process.exitCode = 1;
