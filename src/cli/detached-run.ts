import { mkdir, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';
import { writeFailure } from '../foundation/file-failure.js';
import { findLockOwner, type LockOwner } from '../foundation/lock-folder.js';
import { quoteForShell } from '../foundation/quote-for-shell.js';
import { readOwnJson } from '../foundation/read-own-json.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import type { CommandContext } from './command-context.js';

/** In the run folder: who runs it, detached from any terminal, and what that says. */
const recordFile = 'detached.json';
const logFile = 'detached.log';

const recordSchema = z.object({ v: z.literal(1), pid: z.int(), host: z.string() });

/** Starts the same command in a process of its own that outlives the terminal, and says how to follow and to stop it. */
export async function runDetached(context: CommandContext, folder: string): Promise<void> {
  const owner = await findOwner(folder);
  if (owner !== null) throw await describeBusy(folder, owner);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const log = join(folder, logFile);
  const pid = await context.startDetached(log).catch((cause: unknown) => {
    throw writeFailure(log, cause);
  });
  await writeFileAtomically(join(folder, recordFile), `${JSON.stringify({ v: 1, pid, host: hostname() })}\n`);
  if (context.json) {
    context.printJson({ folder, pid, log });
    return;
  }
  context.print(`process ${String(pid)} runs it, into ${folder}`);
  context.print(`  follow it:  tail -f ${quoteForShell(log)}`);
  context.print(`  stop it:    kill -INT ${String(pid)}`);
  context.print('  the same command goes on from there, detached or not');
}

/** Says of a folder that is in use where its log is, if whoever works in it is detached. */
export async function explainBusy(folder: string, failure: unknown): Promise<unknown> {
  if (!(DriftlineError.isInstance(failure) && failure.code === 'folder-in-use')) return failure;
  const owner = await findOwner(folder);
  return owner === null ? failure : describeBusy(folder, owner, failure);
}

async function findOwner(folder: string): Promise<LockOwner | null> {
  return findLockOwner(await readdir(folder).catch((): string[] => []));
}

async function describeBusy(folder: string, owner: LockOwner, cause?: DriftlineError): Promise<DriftlineError> {
  const record = await readOwnJson(join(folder, recordFile), recordSchema);
  const log = join(folder, logFile);
  const isDetached = record?.pid === owner.pid;
  return new DriftlineError({
    code: 'folder-in-use',
    message: `${folder} is in use by process ${String(owner.pid)} on ${owner.host}${isDetached ? ', detached' : ''}`,
    hint: isDetached
      ? `Follow it with \`tail -f ${quoteForShell(log)}\`, or stop it with \`kill -INT ${String(owner.pid)}\` there.`
      : `Wait until it is done, or stop it with \`kill -INT ${String(owner.pid)}\` there.`,
    ...(cause === undefined ? {} : { cause }),
    details: { folder, pid: owner.pid, host: owner.host, ...(isDetached ? { log } : {}) },
  });
}
