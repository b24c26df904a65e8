import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** A process as /proc tells of it. */
export interface ProcessFigures {
  /** Seconds of processor time so far. */
  readonly cpu: number;
  /** Bytes in memory. */
  readonly resident: number;
}

/** A program whose memory and processor time are read from outside. */
export interface WatchedProcess {
  /** Seconds since it began. */
  readonly age: () => number;
  /** Null once it has ended. */
  readonly read: () => ProcessFigures | null;
  /** What it wrote to standard error. */
  readonly told: () => string;
  /** Its exit code, when it has ended. */
  readonly ended: Promise<number | null>;
  readonly hasEnded: () => boolean;
  /** As `kill -9`. */
  readonly kill: () => Promise<void>;
}

/** Of Linux on all machines that Node runs on. */
const [ticksASecond, pageBytes] = [100, 4096];

export function startWatched(
  command: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): WatchedProcess {
  const begun = performance.now();
  const child: ChildProcess = spawn(command, parameters, {
    env: { ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  const ended = once(child, 'exit').then(([code]) => code as number | null); // as Node says
  return {
    age: () => (performance.now() - begun) / 1000,
    read: () => {
      try {
        const folder = `/proc/${String(child.pid)}`;
        // Behind the name, which may have anything in it.
        const fields = readFileSync(`${folder}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
          .map(Number);
        const [, pages = 0] = readFileSync(`${folder}/statm`, 'utf8').split(' ').map(Number);
        const ticks = (fields[11] ?? 0) + (fields[12] ?? 0);
        return pages === 0 ? null : { cpu: ticks / ticksASecond, resident: pages * pageBytes };
      } catch {
        return null;
      }
    },
    told: () => told,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
