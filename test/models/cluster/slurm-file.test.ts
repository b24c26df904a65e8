import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { writeSlurmFile, type SlurmFileSettings } from '../../../src/models/cluster/slurm-file.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

const run = promisify(execFile);
const settings: SlurmFileSettings = {
  ...{ nodes: 2, gpus: 8, cpus: 64, time: '24:00:00', partition: 'gpu', account: 'lab', port: 8265 },
  ...{ storage: '/shared/driftline', python: '/opt/train/bin/python', plan: 'mine.yaml' },
};

/** Programs of a SLURM and of Ray that write down how they were called. */
async function pretendSlurm(): Promise<{ readonly folder: string; readonly calls: () => Promise<string[]> }> {
  const folder = await makeTemporaryFolder();
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const note = `printf '%s\\n' "$(basename "$0") $*" >> "${folder}/calls"`;
  const scripts = {
    ray: note,
    srun: `${note}\nwhile [[ $1 == --* ]]; do shift; done\n"$@" &\nsleep 1`,
    python: 'echo 10.0.0.7',
    driftline: note,
  };
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(bin, name), `#!/bin/bash\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  const read = async (): Promise<string[]> => (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
  return { folder, calls: read };
}

describe('a job file for SLURM', () => {
  it.each([
    ['two-nodes.sbatch', settings],
    [
      'one-node-waiting.sbatch',
      { ...settings, nodes: 1, gpus: 1, cpus: 4, partition: null, account: null, plan: null },
    ],
  ] as const)('is %s, and bash understands it', async (name, given) => {
    const file = writeSlurmFile(given);
    await expect(file).toMatchFileSnapshot(`../../fixtures/cluster/slurm/${name}`);
    const path = join(await makeTemporaryFolder(), name);
    await writeFile(path, file);
    await run('bash', ['-n', path]);
  });

  it('starts the head, then the workers, then driftline, and quotes what a shell would take apart', async () => {
    const { folder, calls } = await pretendSlurm();
    const file = writeSlurmFile({
      ...{ ...settings, storage: join(folder, "it's here"), python: join(folder, 'bin/python'), plan: 'a b;c.yaml' },
    });
    const path = join(folder, 'job.sbatch');
    await writeFile(path, file);
    const environment = {
      SLURM_JOB_ID: '12345',
      SLURM_JOB_NUM_NODES: '2',
      SLURM_CPUS_ON_NODE: '64',
      SLURMD_NODENAME: 'n1',
    };
    await run('bash', [path], { env: { PATH: `${folder}/bin:/usr/bin:/bin`, HOME: folder, ...environment } });
    const called = await calls();
    const address = '10.0.0.7:22345';
    expect(called[0]).toBe('ray get-auth-token --generate');
    expect(called.find((line) => line.startsWith('srun') && line.includes('--head'))).toMatch(
      /--nodelist=n1 .*ray start --head --port=22345 --dashboard-host=127\.0\.0\.1 --dashboard-port=8265 .*--num-gpus=8 --num-cpus=64/,
    );
    expect(called.find((line) => line.startsWith('srun') && line.includes('--exclude=n1'))).toContain(
      `--nodes=1 --ntasks=1 --exclude=n1 ${folder}/bin/ray start --address=${address}`,
    );
    expect(called).toContain('driftline run a b;c.yaml');
    expect(file).toContain('export SRUN_CPUS_PER_TASK=64');
    expect(file).not.toContain('RAY_AUTH_TOKEN=');
  });
});
