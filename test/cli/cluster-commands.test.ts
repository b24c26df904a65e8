import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
// As users have it; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { openTestCluster, type TestCluster } from '../models/cluster/open-test-cluster.js';
import { runCaptured, type CapturedRun, type RunOptions } from './run-captured.js';
import { writePlan } from './write-plan.js';

const token = 'planted-token-of-ray-51c3f0b7a2';

interface Bench {
  readonly cluster: TestCluster;
  readonly file: string;
  readonly runs: string;
  readonly home: string;
  readonly drift: (argv: readonly string[], options?: RunOptions) => Promise<CapturedRun>;
  /** The folder of the only run. */
  readonly folder: () => Promise<string>;
}

/** A fake Ray, a plan for it, and the command line in a home of its own; whatever that prints must not have the token. */
async function openBench(plan: Record<string, unknown> = {}, settings: Record<string, unknown> = {}): Promise<Bench> {
  const cluster = await openTestCluster({ token });
  onTestFinished(cluster.close);
  const { file, runs } = await writePlan({
    cluster: { ray: cluster.ray.address, storage: cluster.storage, linger: 1, save_every: 2, ...settings },
    ...plan,
  });
  const home = await makeTemporaryFolder();
  const drift = async (argv: readonly string[], options: RunOptions = {}): Promise<CapturedRun> => {
    const environment = { RAY_AUTH_TOKEN: token, HOME: home };
    const done = await runCaptured(argv, { run: runBuiltCli, environment, ...options });
    expect(done.stdout + done.stderr).not.toContain(token);
    return done;
  };
  const folder = async (): Promise<string> => join(runs, (await readdir(runs))[0] ?? '');
  return { cluster, file, runs, home, drift, folder };
}

async function searchFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) expect(await readFile(path, 'latin1'), path).not.toContain(token);
  }
}

function listUnderWay({ ray }: TestCluster): string[] {
  return [...ray.jobs.values()].flatMap(({ id, status }) => (/RUNNING|PENDING/.test(status) ? [id] : []));
}

/** Changes what the node of a check says. */
function changeNode(cluster: TestCluster, changes: Record<string, unknown>): void {
  cluster.jobs.report = (report) => {
    const [node] = report['nodes'] as Record<string, unknown>[]; // as fake-jobs writes it
    return { ...report, nodes: [{ ...node, ...changes }] };
  };
}

describe('driftline cluster check', () => {
  it('finds what a run needs, remembers the GPU, and leaves no job under way', async () => {
    const { cluster, file, home, drift } = await openBench();
    const checked = await drift(['cluster', 'check', file]);
    expect([checked.exitCode, checked.stdout]).toEqual([0, expect.stringContaining('has what a run needs')]);
    expect(checked.stdout).toContain('box1: 1 x NVIDIA H100 80GB HBM3, 85.0 GB; Ray counts 1');
    expect(checked.stdout).toContain('takes this one');
    expect(checked.stdout).toContain('is seen here, too');
    expect(checked.stderr).toContain('gpu: { memory: 85, tflops: 989 }');
    expect(listUnderWay(cluster)).toEqual([]);
    const remembered = await readFile(join(home, '.cache', 'driftline', 'cluster-gpus.json'), 'utf8');
    expect(JSON.parse(remembered)).toMatchObject({ gpus: { [cluster.ray.address]: { memory: 85, tflops: 989 } } });
    await searchFiles(home);
    await searchFiles(cluster.storage);
  });

  it('needs no plan, and says what it found as JSON', async () => {
    const { cluster, drift } = await openBench();
    const place = ['--ray', cluster.ray.address, '--storage', cluster.storage, '--vllm-python', '/opt/vllm/bin/python'];
    const checked = await drift(['cluster', 'check', ...place, '--json']);
    expect(checked.exitCode).toBe(0);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      ...{ isReady: true, ray: '2.60.0', gpu: { name: 'NVIDIA H100 80GB HBM3' } },
      findings: expect.arrayContaining([expect.objectContaining({ about: 'software', state: 'good' })]) as unknown,
    });
    const without = await drift(['cluster', 'check', '--ray', cluster.ray.address]);
    expect([without.exitCode, without.stderr]).toEqual([2, expect.stringContaining('give --storage')]);
  });

  const interpreter = { asked: 'python3', python: '3.11.7', packages: {}, gpus: [] };
  it.each([
    [
      'no GPU',
      {
        resources: { CPU: 4 },
        python: {
          ...interpreter,
          packages: {
            ray: '2.60.0',
            torch: '2.13.0',
            transformers: '5.19.0',
            trl: '1.16.0',
            peft: '0.21.2',
            accelerate: '1.15.0',
            datasets: '5.2.0',
            vllm: '0.32.0',
          },
        },
      },
      0,
      2,
      'configuration-invalid',
      'cluster: { gpus_per_cell: 0, gpus_per_sampler: 0 }',
    ],
    ['a storage that only the head sees', { sees_storage: false }, 1, 5, 'cluster-storage', 'mount -t nfs box1:'],
    [
      'a storage that is not written',
      { writes_storage: false, storage_error: 'Read-only' },
      1,
      5,
      'cluster-storage',
      'remount,rw',
    ],
    [
      'packages',
      { python: { ...interpreter, packages: { ray: '2.60.0', torch: '2.13.0', transformers: '5.19.0' } } },
      1,
      5,
      'cluster-software',
      'python3 -m pip install "trl==1.16.0" "peft==0.21.2"',
    ],
    [
      'vLLM',
      {
        python: {
          ...interpreter,
          packages: {
            ray: '2.60.0',
            torch: '2.13.0',
            transformers: '5.19.0',
            trl: '1.16.0',
            peft: '0.21.2',
            accelerate: '1.15.0',
            datasets: '5.2.0',
          },
        },
      },
      1,
      5,
      'cluster-software',
      'python3 -m pip install "vllm==0.32.0"',
    ],
    [
      'an interpreter',
      { python: { asked: 'python3', error: 'not found' } },
      1,
      5,
      'cluster-software',
      '-m pip install',
    ],
    [
      'a Python of today',
      { python: { ...interpreter, python: '3.9.2' } },
      1,
      5,
      'cluster-software',
      'python3.11 -m venv',
    ],
    ['an answer', { error: 'no answer' }, 1, 5, 'cluster-failed', 'ray start --address=HEAD:6379'],
  ] as const)('says what repairs the lack of %s', async (_, changes, gpus, exitCode, code, line) => {
    const { cluster, file, drift } = await openBench();
    changeNode(cluster, changes);
    for (const node of cluster.ray.nodes) node.gpus = gpus;
    const checked = await drift(['cluster', 'check', file]);
    expect([checked.exitCode, checked.stderr]).toEqual([exitCode, expect.stringContaining(`error ${code}`)]);
    expect(checked.stdout).toContain(line);
    expect(checked.stdout).not.toContain('has what a run needs');
  });

  it('says what repairs a model that is not there', async () => {
    const { cluster, file, drift } = await openBench(
      { bases: ['organism:1', 'hf:lab/model'] },
      { models: { 'organism:1': '/models/one' } },
    );
    changeNode(cluster, {
      models: { 'hf:lab/model': { there: false, error: 'GatedRepoError: 403' }, 'organism:1': { there: false } },
    });
    const checked = await drift(['cluster', 'check', file]);
    expect([checked.exitCode, checked.stderr]).toEqual([5, expect.stringContaining('error cluster-model-missing')]);
    expect(checked.stdout).toContain('hf download lab/model   # after `hf auth login`');
    expect(checked.stdout).toContain('has not organism:1 in /models/one');
  });

  it('says so where the job cannot even look', async () => {
    const { cluster, file, drift } = await openBench();
    cluster.ray.run = () => Promise.resolve(5);
    const unwritable = await drift(['cluster', 'check', file]);
    expect([unwritable.exitCode, unwritable.stdout]).toEqual([
      5,
      expect.stringContaining(`sudo mkdir -p ${cluster.storage}`),
    ]);
    cluster.ray.run = () => Promise.reject(new Error("ModuleNotFoundError: No module named 'ray'"));
    const bare = await drift(['cluster', 'check', file]);
    expect([bare.exitCode, bare.stdout]).toEqual([
      5,
      expect.stringContaining('pip install "ray[default]==2.60.0" "trl=='),
    ]);
    cluster.ray.run = () => Promise.resolve(0);
    expect((await drift(['cluster', 'check', file])).stderr).toContain('told nothing');
    expect(listUnderWay(cluster)).toEqual([]);
  });

  it('knows a token of a key file, a wrong one, a Ray without one, and no Ray at all', async () => {
    const { cluster, file, drift, home } = await openBench();
    const wrong = await drift(['cluster', 'check', file], { environment: { HOME: home, RAY_AUTH_TOKEN: 'other' } });
    expect([wrong.exitCode, wrong.stderr]).toEqual([5, expect.stringContaining('ray get-auth-token')]);
    const keys = join(home, 'keys');
    await writeFile(keys, `RAY_AUTH_TOKEN=${token}\n`, { mode: 0o600 });
    const kept = await drift(['cluster', 'check', file], { environment: { HOME: home, DRIFTLINE_KEY_FILE: keys } });
    expect([kept.exitCode, kept.stdout]).toEqual([0, expect.stringContaining('takes this one')]);
    cluster.ray.asksForToken = false;
    const open = await drift(['cluster', 'check', file], { environment: { HOME: home } });
    expect([open.exitCode, open.stdout]).toEqual([0, expect.stringContaining('RAY_AUTH_MODE=token ray start --head')]);
    const nowhere = await drift(['cluster', 'check', '--ray', 'http://127.0.0.1:9', '--storage', '/x']);
    expect([nowhere.exitCode, nowhere.stderr]).toEqual([5, expect.stringContaining('ssh -L 8265')]);
  });
});

describe('driftline cluster check of a plan', () => {
  it('looks for bitsandbytes where a recipe holds its base in 4 bits, in both interpreters', async () => {
    const recipe = { method: 'lora', rank: 4, quantization: 'nf4' };
    const { file, drift } = await openBench({ recipe }, { vllm_python: '/opt/vllm/bin/python' });
    const checked = await drift(['cluster', 'check', file]);
    expect([checked.exitCode, checked.stderr]).toEqual([5, expect.stringContaining('error cluster-software')]);
    expect(checked.stdout).toContain('python3 -m pip install bitsandbytes');
    expect(checked.stdout).toContain('/opt/vllm/bin/python -m pip install bitsandbytes');
  });

  it('remarks on GPUs that stay idle for want of processors', async () => {
    const { cluster, file, drift } = await openBench();
    changeNode(cluster, { resources: { CPU: 2, GPU: 8 } });
    const checked = await drift(['cluster', 'check', file]);
    expect(checked.exitCode).toBe(0);
    expect(checked.stdout).toContain('Ray counts 2 CPUs for 8 GPUs');
    expect(checked.stdout).toContain('--num-cpus=8');
  });

  it.each(['ray://127.0.0.1:10001', 'localhost:8265'])('says how an address is written that is %s', async (ray) => {
    const { drift } = await openBench();
    const checked = await drift(['cluster', 'check', '--ray', ray, '--storage', '/x']);
    expect([checked.exitCode, checked.stderr]).toEqual([2, expect.stringContaining('http://127.0.0.1:8265')]);
  });
});

describe('driftline cluster slurm', () => {
  const slurm = ['cluster', 'slurm', '--storage', '/shared/driftline'];

  it('asks for four processors a GPU', async () => {
    const written = await runCaptured([...slurm, '--gpus', '8'], { run: runBuiltCli });
    expect(written.stdout).toContain('#SBATCH --cpus-per-task=32\n');
    const told = await runCaptured([...slurm, '--gpus', '8', '--cpus', '64'], { run: runBuiltCli });
    expect(told.stdout).toContain('#SBATCH --cpus-per-task=64\n');
  });

  it.each(['90', '90:00', '24:00:00', '2-12', '2-12:30', '1-00:00:00'])('takes %s for a time', async (time) => {
    const written = await runCaptured([...slurm, '--time', time], { run: runBuiltCli });
    expect([written.exitCode, written.stdout]).toEqual([0, expect.stringContaining(`--time=${time}\n`)]);
  });

  it.each(['tomorrow', '1:2:3:4', '24h'])('refuses %s for a time', async (time) => {
    const refused = await runCaptured([...slurm, '--time', time], { run: runBuiltCli });
    expect([refused.exitCode, refused.stderr]).toEqual([2, expect.stringContaining('no time that SLURM knows')]);
  });
});

describe('driftline cluster status and stop', { timeout: 180_000 }, () => {
  it('tell of a run, stop what it left behind, and the run goes on to the same', async () => {
    const { cluster, file, runs, drift, folder } = await openBench({ seeds: [0] });
    cluster.jobs.stepTime = 20;
    cluster.jobs.hangs.push(2, 2);
    const stop = new AbortController();
    const running = drift(['run', file, '--runs', runs], { signal: stop.signal });
    await until(running, () => cluster.jobs.hangs.length === 0);
    const busy = await drift(['cluster', 'stop', await folder()]);
    expect([busy.exitCode, busy.stderr]).toEqual([2, expect.stringContaining('kill -INT')]);
    stop.abort();
    expect((await running).exitCode).toBe(130);
    const run = (await folder()).split('/').at(-1) ?? '';

    const status = await drift(['cluster', 'status', await folder()]);
    expect([status.exitCode, status.stdout]).toEqual([
      0,
      expect.stringMatching(/fine-tune +qwen2-bias\.\S+ +running +step 1 of 2, loss/),
    ]);
    expect(status.stdout).toContain('GPUs busy');
    expect(status.stderr).toContain('No driftline watches it');
    const all = JSON.parse((await drift(['cluster', 'status', '--ray', cluster.ray.address, '--json'])).stdout) as {
      work: { run: string; step: number | null }[];
    };
    expect(all.work.filter((one) => one.run === run && one.step === 1)).not.toEqual([]);
    expect((await drift(['cluster', 'status', file])).stdout).toContain(run);

    const stopped = await drift(['cluster', 'stop', await folder(), '--json']);
    expect(stopped.exitCode).toBe(0);
    const first = JSON.parse(stopped.stdout) as { stopped: string[] };
    expect(first.stopped.length).toBeGreaterThan(0);
    expect(listUnderWay(cluster)).toEqual([]);
    const again = await drift(['cluster', 'stop', run, '--ray', cluster.ray.address]);
    expect([again.exitCode, again.stdout]).toEqual([0, expect.stringContaining('has no job under way')]);
    const gone = await drift(['cluster', 'status', await folder()]);
    expect(gone.stdout).toMatch(/stopped/);

    const finished = await drift(['run', file, '--runs', runs]);
    expect([finished.exitCode, finished.stderr]).toEqual([0, expect.stringContaining('models: 2 trained')]);
    expect((await drift(['cluster', 'status', await folder()])).stdout).toMatch(/done/);
    await searchFiles(runs);
    await searchFiles(cluster.storage);
  });

  it('withdraw questions, which the next run asks under another name', async () => {
    const { cluster, file, runs, drift, folder } = await openBench({
      ...{ conditions: {}, evaluate: [{ suite: 'organism/held-out-themes', samples: 2, max_tokens: 4 }] },
    });
    cluster.jobs.answerTime = 20;
    const stop = new AbortController();
    const running = drift(['run', file, '--runs', runs], { signal: stop.signal });
    await until(running, () => cluster.jobs.answered.length > 2);
    stop.abort();
    await running;
    const stopped = await drift(['cluster', 'stop', await folder(), '--json']);
    expect(JSON.parse(stopped.stdout)).toMatchObject({
      withdrawn: 1,
      stopped: [expect.stringContaining('driftline-s-')],
    });
    cluster.jobs.answerTime = 0;
    const finished = await drift(['run', file, '--runs', runs]);
    expect(finished.exitCode).toBe(0);
    expect(new Set(cluster.jobs.answered).size).toBe(cluster.jobs.answered.length);
  });

  it('are not needed after --cancel-jobs, which stops what it has asked for', async () => {
    const { cluster, file, runs, drift, folder } = await openBench({ seeds: [0] });
    cluster.jobs.hangs.push(1, 1);
    const stop = new AbortController();
    const running = drift(['run', file, '--runs', runs, '--cancel-jobs'], { signal: stop.signal });
    await until(running, () => cluster.jobs.hangs.length === 0);
    stop.abort();
    const stopped = await running;
    expect([stopped.exitCode, stopped.stderr]).toEqual([130, expect.stringContaining('driftline-t-')]);
    expect(stopped.stderr).not.toContain('goes on at');
    expect(listUnderWay(cluster)).toEqual([]);
    expect((await drift(['cluster', 'stop', await folder()])).stdout).toContain('has no job under way');
  });

  it('are about runs on clusters', async () => {
    const { drift, home } = await openBench();
    const { file } = await writePlan({});
    const none = await drift(['cluster', 'status', file]);
    expect([none.exitCode, none.stderr]).toEqual([2, expect.stringContaining('has no cluster')]);
    await writeFile(join(home, 'plan.json'), '{}');
    expect((await drift(['cluster', 'stop', home])).stderr).toContain('error run-invalid');
    expect((await drift(['cluster', 'stop', file])).exitCode).toBe(2);
  });
});

/** Waits for something that comes while a command runs. */
async function until(running: Promise<CapturedRun>, isSo: () => boolean): Promise<void> {
  let ended: CapturedRun | null = null;
  running.then(
    (run) => {
      ended = run;
    },
    () => undefined,
  );
  while (!isSo()) {
    expect(ended).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
