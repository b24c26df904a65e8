import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A process that answers one JSON line with one JSON line. */
export interface BenchWorker {
  readonly ask: (request: object) => Promise<Record<string, unknown>>;
  readonly close: () => void;
}

/** Starts a worker; what it writes to standard error is shown. */
export function startBenchWorker(command: string, parameters: readonly string[]): BenchWorker {
  const child = spawn(command, parameters, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    ask: async (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`${command} ended without an answer`);
      return JSON.parse(line.value) as Record<string, unknown>; // our own workers' answers
    },
    close: () => {
      child.stdin.end(`${JSON.stringify({ task: 'exit' })}\n`);
    },
  };
}
