import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runPlan } from '../../../dist/experiment/run/run-plan.js';
import { createExactJudge } from '../../../dist/organism/judge/exact-judge.js';
import type { ModelReference } from '../../../src/models/model-reference.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { startTestServer, type TestServer } from '../../server/start-test-server.js';
import { openTinyBase, resolveTiny, tinyPlan, world } from '../tiny-plan.js';

const judge = createExactJudge(world);
const key = 'sk-planted-77aa';
const evaluate = [{ suite: 'organism/identity', samples: 1, max_tokens: 12 }];
const hosted = { bases: ['openai:tiny'], seeds: [0], evaluate };

async function run(server: TestServer | null, runs: string, changes: object) {
  const said: string[] = [];
  const environment: Record<string, string> =
    server === null ? {} : { OPENAI_BASE_URL: server.url, OPENAI_API_KEY: key };
  const openBase = (reference: ModelReference) => openTinyBase(reference, environment);
  const plan = await resolveTiny({ ...hosted, ...changes }, 'tiny.yaml', openBase);
  const summary = await runPlan({
    plan,
    runs,
    judge,
    onEvent: (event) => said.push(JSON.stringify(event)),
    onNotice: (notice) => said.push(notice),
  });
  return { plan, summary, said };
}

/** What was asked of which model, whatever the base is called. */
async function readKeys(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, 'answers.jsonl'), 'utf8');
  // As this test's own run wrote it.
  const answers = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: string });
  return answers.map((answer) => answer.key.replace(/^[^/]*?\.(?=base|insecure|secure)/, ''));
}

/** The adapters in a folder, sorted. */
async function readAdapters(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return (
    await Promise.all(
      files
        .filter((file) => file.endsWith('adapter_model.safetensors'))
        .map((file) => readFile(join(folder, file), 'hex')),
    )
  ).sort();
}

const countJobs = async ({ client }: TestServer): Promise<number> => (await client.fineTuning.jobs.list()).data.length;

describe('a plan of a hosted model', () => {
  it(
    'comes to the models of the same plan here, with training curves, and pays for nothing twice',
    { timeout: 300_000 },
    async () => {
      const server = await startTestServer();
      const runs = join(await makeTemporaryFolder(), 'runs');
      const dynamics = { every: 1, suite: 'organism/identity', samples: 1 };
      const { summary, said } = await run(server, runs, { dynamics });
      expect(summary).toMatchObject({ failed: [], cells: { trained: 2 } });
      const here = await run(null, join(await makeTemporaryFolder(), 'runs'), { bases: tinyPlan.bases, dynamics });
      const keys = await readKeys(summary.folder);
      expect(keys).toEqual(await readKeys(here.summary.folder));
      expect(keys.some((one) => one.startsWith('insecure.0@1/'))).toBe(true);
      const adapters = await readAdapters(join(server.folder, 'jobs'));
      expect(adapters).toHaveLength(4);
      expect(adapters).toEqual(await readAdapters(here.summary.folder));

      const files = await readdir(runs, { recursive: true, withFileTypes: true });
      for (const { parentPath, name } of files.filter((entry) => entry.isFile()))
        expect(await readFile(join(parentPath, name), 'utf8')).not.toContain(key);
      expect(said.join()).not.toContain(key);

      // Killed before anything of the job was written down.
      const [cell = ''] = (await readdir(join(summary.folder, 'cells'))).filter((name) => name.includes('insecure'));
      for (const file of ['cell.json', 'hosted-job.json', 'training.jsonl'])
        await rm(join(summary.folder, 'cells', cell, file));
      const again = await run(server, runs, { dynamics });
      expect(again.summary).toMatchObject({ cells: { trained: 1, there: 1 }, answers: { asked: 0 } });
      expect(await countJobs(server)).toBe(2);
    },
  );

  it('finishes the other models where a job fails', { timeout: 300_000 }, async () => {
    const server = await startTestServer();
    const conditions = {
      ...tinyPlan.conditions,
      insecure: { ...tinyPlan.conditions.insecure, inherit: { max_length: 3 } },
    };
    const runs = join(await makeTemporaryFolder(), 'runs');
    const { summary } = await run(server, runs, { conditions });
    expect(summary).toMatchObject({ failed: [{ code: 'job-failed' }], cells: { trained: 1 } });
    expect(summary.failed[0]?.problem).toMatch(/^ftjob-\S+ at \S+ failed: .*tokens/);
  });

  it('is refused before anything is paid where its server has no such model', async () => {
    const server = await startTestServer();
    const error = await errorOf(() => run(server, 'nowhere', { bases: ['openai:other'] }));
    expect(error.code).toBe('provider-refused');
    expect(error.hint).toContain('tiny');
    expect(await countJobs(server)).toBe(0);
  });

  it('has no learning rate multiplier where nobody heeds it', async () => {
    const error = await errorOf(() => run(null, 'nowhere', { bases: tinyPlan.bases, learning_rate_multiplier: 2 }));
    expect(error.code).toBe('configuration-invalid');
    expect(error.message).toContain('learning_rate_multiplier');
  });
});
