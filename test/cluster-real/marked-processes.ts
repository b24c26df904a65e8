import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** A process that somebody whom we started has started, however far removed. */
export interface MarkedProcess {
  readonly pid: number;
  /** Its arguments, joined by blanks. */
  readonly command: string;
  readonly directory: string | null;
}

/** A variable of the environment, which children inherit: so all processes of one node are known, and no others. */
export const markVariable = 'DRIFTLINE_TEST_MARK';

/** The same, for all that one call of `npm run test:cluster` has started. */
export const runVariable = 'DRIFTLINE_TEST_RUN';

/** All living processes that bear a mark. */
export async function listMarked(mark: string, variable = markVariable): Promise<MarkedProcess[]> {
  const wanted = `${variable}=${mark}`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid): Promise<MarkedProcess | null> => {
      try {
        const environment = await readFile(join('/proc', pid, 'environ'), 'latin1');
        if (!environment.split('\0').includes(wanted)) return null;
        const command = (await readFile(join('/proc', pid, 'cmdline'), 'utf8')).replaceAll('\0', ' ').trim();
        if (command === '') return null; // it has ended, and its parent has not looked
        const directory = await readlink(join('/proc', pid, 'cwd')).catch(() => null);
        return { pid: Number(pid), command, directory };
      } catch {
        return null; // it ended just now, or is another user's
      }
    }),
  );
  return found.filter((one) => one !== null);
}

/** Ends them at once, without a chance to put anything in order. */
export function killAll(processes: readonly MarkedProcess[]): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
