import { readFileSync } from 'node:fs';
import { readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DriftlineError } from './driftline-error.js';
import { writeFailure } from './file-failure.js';

/** A process, as other processes can tell whether it still lives. */
export interface LockOwner {
  readonly pid: number;
  readonly host: string;
}

/** Locks that this process holds, by path: only they tell a lock of its own from one left by a dead process of the same id. */
const held = new Set<string>();

/**
 * Keeps two processes, or two calls of one, from working in a folder at the same time: throws `folder-in-use`. The lock is an
 * empty file that is named after process and host; each claimant makes its own and then looks for others, so two never both
 * get in (both may be refused, if they start in the same instant). What dead processes of this host left is removed.
 * @returns gives the folder free; to be called also after a failure
 */
export async function lockFolder(
  folder: string,
  owner: LockOwner = { pid: process.pid, host: hostname() },
): Promise<() => Promise<void>> {
  const host = spellHost(owner.host);
  const name = `driftline-${String(owner.pid)}@${host}.lock`;
  const path = await realpath(folder).then(
    (real) => join(real, name),
    (cause: unknown) => {
      throw writeFailure(folder, cause);
    },
  );
  if (held.has(path)) throw folderInUse(folder, name, owner);
  held.add(path);
  const release = async (): Promise<void> => {
    // Where it cannot be removed, it dies with this process.
    await rm(path, { force: true }).catch(() => undefined);
    held.delete(path);
  };
  try {
    await writeFile(path, '');
    for (const found of await readdir(folder)) {
      const other = found === name ? null : parseLockName(found);
      if (other === null) continue;
      if (other.host !== host || isAlive(other.pid)) throw folderInUse(folder, found, other);
      await rm(join(folder, found), { force: true });
    }
  } catch (cause) {
    await release();
    throw writeFailure(path, cause);
  }
  return release;
}

/** The process that has locked a folder of these files, as far as can be known from here; null if none has. */
export function findLockOwner(names: readonly string[], host: string = hostname()): LockOwner | null {
  const owners = names.map(parseLockName).filter((owner) => owner !== null);
  return owners.find((owner) => owner.host !== spellHost(host) || isAlive(owner.pid)) ?? null;
}

/** As names of files can have it. */
function spellHost(host: string): string {
  return host.replace(/[^A-Za-z0-9.-]/g, '_');
}

function parseLockName(name: string): LockOwner | null {
  const [, pid, host] = /^driftline-(\d+)@(.+)\.lock$/.exec(name) ?? [];
  return pid === undefined || host === undefined ? null : { pid: Number(pid), host };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0); // signal 0 only asks
    return !isZombie(pid);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH'); // EPERM: it is another user's
  }
}

/** Whether a process has ended, and only its parent has not asked how: in a container perhaps nobody ever does. Known on Linux only. */
function isZombie(pid: number): boolean {
  try {
    // After the name in brackets, which may have brackets itself.
    return /\) Z [^)]*$/.test(readFileSync(`/proc/${String(pid)}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

function folderInUse(folder: string, lock: string, { pid, host }: LockOwner): DriftlineError {
  return new DriftlineError({
    code: 'folder-in-use',
    message: `${folder} is in use by process ${String(pid)} on ${host}`,
    hint: `Wait until it is done, or choose another folder. If there is no such process any more, remove ${join(folder, lock)}.`,
    details: { folder, pid, host, lock: join(folder, lock) },
  });
}
