import { createDirectFetch } from '../foundation/direct-fetch.js';
import { readMachineMemory } from '../foundation/machine-memory.js';
import { abortOnSignals } from './abort-on-signals.js';
import { openInBrowser } from './open-in-browser.js';
import { runCli } from './run-cli.js';
import { startDetached } from './start-detached.js';

/** Runs the command line of this process with the real streams, clock, fetch and signals; returns the exit code. */
export async function runProgram(): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const signal = abortOnSignals({
    source: process,
    exit: (code) => process.exit(code),
    onFirst: () => {
      if (stderr.isTTY) stderr.write('\nstopping; press Ctrl-C again to quit at once\n');
    },
  });
  return runCli({
    argv: process.argv.slice(2),
    stdin,
    stdout,
    stderr,
    environment: process.env,
    // The switches that make Node's own fetch use proxies.
    fetch: createDirectFetch(globalThis.fetch, {
      proxied:
        process.env['NODE_USE_ENV_PROXY'] === '1' ||
        /(^| )--use-env-proxy( |$)/.test([process.env['NODE_OPTIONS'] ?? '', ...process.execArgv].join(' ')),
    }),
    memory: readMachineMemory(),
    now: () => performance.now(),
    date: () => Date.now(),
    signal,
    startDetached,
    openInBrowser: (file) => openInBrowser(file, process.platform),
  });
}
