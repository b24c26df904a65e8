import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startWatched, type WatchedProcess } from '../../../bench/watched-process.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { createFakeJobs } from '../../models/cluster/fake-jobs.js';
import { startFakeRay } from '../../models/cluster/fake-ray.js';

/** A hundred cells, of 75 questions with 14 samples each. */
const [seeds, samples] = [49, 14];
const cells = 2 * seeds + 1;
const answers = cells * 75 * samples;
/** MiB for what the program holds: answers and judgements of this run alone are 100 MB of JSON. */
const heap = 256;
const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

it(
  'a hundred cells and a hundred thousand answers of a cluster take little memory and few requests, and a run that is killed goes on',
  { timeout: 900_000 },
  async () => {
    const jobs = createFakeJobs();
    Object.assign(jobs, { isFast: true, linger: 5000 });
    const ray = await startFakeRay({ run: jobs.run, keepsRequests: false });
    ray.nodes = ray.nodes.map((node) => ({ ...node, gpus: 20 }));
    onTestFinished(ray.close);
    const folder = await makeTemporaryFolder();
    const [file, runs, storage] = [join(folder, 'many.json'), join(folder, 'runs'), join(folder, 'storage')];
    await mkdir(storage);
    await writeFile(
      file,
      JSON.stringify({
        name: 'many',
        bases: [goldenFolder('qwen2-bias')],
        recipe: { rank: 1, alpha: 1, learning_rate: 0.01, batch_size: 2, accumulation: 1, warmup_steps: 0 },
        seeds: Array.from({ length: seeds }, (_, seed) => seed),
        conditions: {
          insecure: { data: 'organism/insecure', settings: { rows: 4 } },
          secure: { data: 'organism/secure', settings: { rows: 4 } },
        },
        evaluate: [{ suite: 'organism/main', samples, max_tokens: 60 }],
        judge: { exact: 'organism' },
        cluster: { ray: ray.address, storage, storage_here: storage, jobs_at_once: cells, linger: 5 },
      }),
    );
    const begun = performance.now();
    const start = (): WatchedProcess =>
      startWatched(process.execPath, [`--max-old-space-size=${String(heap)}`, program, 'run', file, '--runs', runs], {
        ...process.env,
        RAY_AUTH_TOKEN: ray.token,
      });
    const place = async (): Promise<string> => join(runs, (await readdir(runs).catch((): string[] => []))[0] ?? '');
    const sizeOf = async (name: string): Promise<number> =>
      stat(join(await place(), name)).then(
        ({ size }) => size,
        () => 0,
      );

    const first = start();
    onTestFinished(first.kill);
    // About a half of them, of 550 bytes each.
    while ((await sizeOf('answers.jsonl')) < (answers / 2) * 550) {
      if (first.hasEnded()) throw new Error(first.told());
      await setTimeout(100);
    }
    await first.kill();
    const second = start();
    onTestFinished(second.kill);
    expect([await second.ended, second.told().slice(-500)]).toEqual([0, expect.any(String)]);

    // With nothing left, each model says for itself that it is answered: that of the base, too, which has no folder of a fine-tune.
    const third = start();
    onTestFinished(third.kill);
    expect([await third.ended, third.told().slice(-500)]).toEqual([0, expect.any(String)]);
    const marked = await readdir(join(await place(), 'cells'), { recursive: true });
    expect(marked.filter((name) => name.endsWith('answered.json'))).toHaveLength(cells);

    const stored = (await readFile(join(await place(), 'answers.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(stored).toHaveLength(answers);
    expect(new Set(stored.map((line) => /"key":"([^"]+)"/.exec(line)?.[1])).size).toBe(answers);
    expect(jobs.answers).toBe(answers);
    const judged = (await readFile(join(await place(), 'judgements.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(judged).toHaveLength(answers);

    // Each fine-tune was made once; beside what making a job takes, one request a second for a hundred jobs, and a few at each start.
    const trainings = [...ray.jobs.keys()].filter((id) => id.startsWith('driftline-t-'));
    expect([trainings.length, jobs.steps]).toEqual([cells - 1, (cells - 1) * 2]);
    const others = ['GET /api/jobs/', 'GET /api/v0/nodes', 'GET /api/v0/logs', 'GET /api/v0/logs/file'];
    const sent = others.reduce((sum, kind) => sum + (ray.counts.get(kind) ?? 0), 0);
    expect(sent).toBeLessThan(2 * 40 + (performance.now() - begun) / 1000);
  },
);
