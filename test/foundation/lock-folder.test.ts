import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { DriftlineError } from '../../src/foundation/driftline-error.js';
import { lockFolder } from '../../src/foundation/lock-folder.js';
import { makeTemporaryFolder } from './temporary-folder.js';

async function refusal(folder: string): Promise<DriftlineError> {
  const outcome: unknown = await lockFolder(folder).catch((error: unknown) => error);
  if (!DriftlineError.isInstance(outcome)) throw new Error('expected a DriftlineError', { cause: outcome });
  return outcome;
}

/** The id of a process that lives until the test is over, or until it is killed. */
async function startProcess(): Promise<{ pid: number; kill: () => Promise<void> }> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("up")']);
  const ended = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  onTestFinished(kill);
  await once(child.stdout, 'data');
  return { pid: child.pid!, kill };
}

const lockOf = (pid: number, host = hostname()): string => `driftline-${pid}@${host}.lock`;

it('keeps a second call of the same process out until the first is done, and leaves nothing', async () => {
  const folder = await makeTemporaryFolder();
  const release = await lockFolder(folder);
  expect(await readdir(folder)).toEqual([lockOf(process.pid)]);
  const error = await refusal(folder);
  expect(error.code).toBe('folder-in-use');
  expect(error.exitCode).toBe(2);
  expect(error.message).toContain(`${folder} is in use by process ${process.pid} on ${hostname()}`);
  expect(error.details).toMatchObject({ folder, pid: process.pid, host: hostname() });
  expect(await readdir(folder)).toEqual([lockOf(process.pid)]);
  await release();
  expect(await readdir(folder)).toEqual([]);
  await (
    await lockFolder(folder)
  )();
});

it('lets one of several simultaneous calls in', async () => {
  const folder = await makeTemporaryFolder();
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => lockFolder(folder)));
  const releases = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  expect(releases).toHaveLength(1);
  await releases[0]!();
});

it('knows the folder by another path', async () => {
  const parent = await makeTemporaryFolder();
  await mkdir(join(parent, 'real'));
  await symlink(join(parent, 'real'), join(parent, 'link'), 'junction');
  const release = await lockFolder(join(parent, 'real'));
  expect((await refusal(join(parent, 'link'))).code).toBe('folder-in-use');
  await release();
});

it('does not mind other folders being locked', async () => {
  const releases = [await lockFolder(await makeTemporaryFolder()), await lockFolder(await makeTemporaryFolder())];
  for (const release of releases) await release();
});

it('respects a living process, and takes over from it once it was killed', async () => {
  const folder = await makeTemporaryFolder();
  const { pid, kill } = await startProcess();
  await writeFile(join(folder, lockOf(pid)), '');
  const error = await refusal(folder);
  expect(error.details).toMatchObject({ pid, lock: join(folder, lockOf(pid)) });
  expect(await readdir(folder)).toEqual([lockOf(pid)]);
  await kill();
  const release = await lockFolder(folder);
  expect(await readdir(folder)).toEqual([lockOf(process.pid)]);
  await release();
});

it('takes over from a dead process that had the same id', async () => {
  const folder = await makeTemporaryFolder();
  await writeFile(join(folder, lockOf(process.pid)), '');
  const release = await lockFolder(folder);
  await release();
  expect(await readdir(folder)).toEqual([]);
});

it('cannot know whether a process of another host lives, and says what to remove', async () => {
  const folder = await makeTemporaryFolder();
  const { pid, kill } = await startProcess();
  await kill();
  await writeFile(join(folder, lockOf(pid, 'elsewhere')), '');
  const error = await refusal(folder);
  expect(error.code).toBe('folder-in-use');
  expect(error.message).toContain('elsewhere');
  expect(error.hint).toContain(join(folder, lockOf(pid, 'elsewhere')));
});

it('needs a folder that exists', async () => {
  const error = await refusal(join(await makeTemporaryFolder(), 'missing'));
  expect(error.code).toBe('write-failed');
});

it.runIf(process.platform === 'linux')(
  'takes over from a process that has ended and is waited for by nobody',
  async () => {
    const folder = await makeTemporaryFolder();
    // Its parent becomes a sleep, which never asks how it ended; a shell might, so it ends only once there is none any more.
    const child = "sh -c 'until grep -q sleep /proc/$PPID/comm; do sleep 0.01; done'";
    const parent = spawn('sh', ['-c', `${child} & echo $!; exec sleep 60`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => {
      parent.kill('SIGKILL');
    });
    const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(printed.toString());
    const stat = (): Promise<string> => readFile(`/proc/${String(pid)}/stat`, 'utf8');
    while (!(await stat()).includes(') Z ')) await new Promise((resolve) => setTimeout(resolve, 5));
    await writeFile(join(folder, lockOf(pid)), '');
    const unlock = await lockFolder(folder);
    expect(await readdir(folder)).toEqual([lockOf(process.pid)]);
    await unlock();
  },
);
