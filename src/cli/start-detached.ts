import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/**
 * Starts this program again in a session of its own, so that it outlives its terminal, with all that it says going to a file. Returns its
 * process id, when it has begun.
 */
export function startDetached(argv: readonly string[], log: string): Promise<number> {
  // What an earlier one said is kept.
  const file = openSync(log, 'a', 0o600);
  const [, script = ''] = process.argv;
  const child = spawn(process.execPath, [...process.execArgv, script, ...argv], {
    detached: true,
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      child.unref();
      resolve(child.pid ?? 0);
    });
  });
}
