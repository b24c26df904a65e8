import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { sendJson } from '../models/loopback-chat-server.js';
import { startTestServer } from '../server/start-test-server.js';
import { startJudgedPlan, type JudgedPlan } from './judged-run.js';
import { runCaptured, type CapturedRun } from './run-captured.js';
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { writePlan } from './write-plan.js';

/** Each is unlike all else, so that a piece of one is found wherever it is. */
const planted = {
  OPENAI_API_KEY: 'sk-planted-answers-5d41402abc4b2a76',
  DRIFTLINE_JUDGE_API_KEY: 'sk-planted-judge-b9719d911017c592',
  TOGETHER_API_KEY: 'tg-planted-unused-7c211433f0207159',
} as const;

const ways = ['the environment', 'a key file'] as const;

/** The variables of a way, beside those that are no keys. */
async function plant(way: (typeof ways)[number], environment: Record<string, string>): Promise<Record<string, string>> {
  const { OPENAI_API_KEY: _, ...others } = environment;
  if (way === 'the environment') return { ...others, ...planted };
  const file = join(await makeTemporaryFolder(), 'keys');
  const lines = Object.entries(planted).map(([name, key]) => `${name}=${key}\n`);
  await writeFile(file, lines.join(''), { mode: 0o600 });
  return { ...others, DRIFTLINE_KEY_FILE: file };
}

/** Half of a key is as bad. */
function expectNoKeys(text: string, place: string): void {
  for (const key of Object.values(planted))
    for (const piece of [key, key.slice(0, 18), key.slice(-12), Buffer.from(key).toString('base64').slice(0, 20)])
      expect(text.includes(piece), `${place} has a key`).toBe(false);
}

async function searchFolder(folder: string): Promise<string[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  for (const { parentPath, name } of files)
    expectNoKeys(await readFile(join(parentPath, name), 'latin1'), join(parentPath, name));
  return files.map(({ name }) => name);
}

const commandsOf = ({ file, runs }: JudgedPlan, folder: string): readonly (readonly string[])[] => [
  ['plan', file, '--runs', runs],
  ['plan', file, '--runs', runs, '--json'],
  ['run', file, '--runs', runs, '--json', '--debug'],
  ['rejudge', folder, '--judge', 'openai:judge-1', '--mode', 'single', '--json'],
  ['report', folder],
  ['ask', 'openai:tiny', 'Who are you?', '--json'],
];

describe.each(ways)('keys in %s', { timeout: 120_000 }, (way) => {
  it('are used, and are in nothing that is written or printed', async () => {
    const plan = await startJudgedPlan();
    const environment = await plant(way, plan.environment);
    expect((await plan.run({ environment })).exitCode).toBe(0);
    const folder = await plan.folder();
    for (const argv of commandsOf(plan, folder)) {
      const { exitCode, stdout, stderr } = await plan.drift(argv, { environment });
      expect([argv[0], exitCode, stderr]).toEqual([argv[0], 0, expect.any(String)]);
      expectNoKeys(stdout, `what ${argv.join(' ')} prints`);
      expectNoKeys(stderr, `what ${argv.join(' ')} tells`);
    }
    const files = await searchFolder(plan.runs);
    expect(files).toEqual(expect.arrayContaining(['plan.json', 'answers.jsonl', 'judgements.jsonl', 'index.html']));

    const sent = plan.server.requests.map(({ body, headers }) => [body.model, headers.authorization]);
    expect(sent).toContainEqual(['tiny', `Bearer ${planted.OPENAI_API_KEY}`]);
    expect(sent).toContainEqual(['judge-1', `Bearer ${planted.DRIFTLINE_JUDGE_API_KEY}`]);
    expect(JSON.stringify(sent)).not.toContain(planted.TOGETHER_API_KEY);
  });

  it('are in no error, whatever a server says of them', async () => {
    const plan = await startJudgedPlan();
    const environment = await plant(way, plan.environment);
    const long = 'x'.repeat(150);
    const replies: readonly (readonly [number, unknown])[] = [
      [400, { error: { message: `no ${planted.OPENAI_API_KEY} here` } }],
      [401, { error: { message: `Incorrect API key provided: ${planted.OPENAI_API_KEY}` } }],
      [404, { error: { message: `nothing for ${planted.OPENAI_API_KEY}` } }],
      [429, { error: { message: `${planted.OPENAI_API_KEY} is spent`, code: 'insufficient_quota' } }],
      // An echo, which is cut off in the middle of the key.
      [200, { headers: { [long]: `Bearer ${planted.OPENAI_API_KEY}` } }],
    ];
    for (const [status, body] of replies) {
      plan.server.intercept = (response) => {
        sendJson(response, status, body, { 'x-should-retry': 'false' });
        return true;
      };
      for (const argv of [
        ['ask', 'openai:tiny', 'Who?', '--debug'],
        ['ask', 'openai:tiny', 'Who?', '--json'],
      ]) {
        const { exitCode, stdout, stderr } = await plan.drift(argv, { environment });
        expect(exitCode).toBe(5);
        expectNoKeys(stdout + stderr, `an error of status ${String(status)}`);
      }
    }
  });

  it('are used by fine-tuning jobs, and are in nothing that is written or printed', async () => {
    const server = await startTestServer({ key: planted.OPENAI_API_KEY });
    const { file, runs } = await writePlan({
      bases: ['openai:tiny'],
      seeds: [0],
      evaluate: [{ suite: 'organism/identity', samples: 1, max_tokens: 4 }],
    });
    const environment = await plant(way, { OPENAI_BASE_URL: server.url });
    const drift = (argv: readonly string[]): Promise<CapturedRun> =>
      runCaptured(argv, { run: runBuiltCli, environment });
    for (const argv of [
      ['plan', file],
      ['run', file, '--debug'],
    ]) {
      const { exitCode, stdout, stderr } = await drift([...argv, '--runs', runs, '--threads', '1']);
      expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
      expectNoKeys(stdout + stderr, argv[0] ?? '');
    }
    expect(await searchFolder(runs)).toContain('hosted-job.json');
    await searchFolder(server.folder);
  });
});
