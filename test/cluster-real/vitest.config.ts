import { defineConfig } from 'vitest/config';

// `npm run test:cluster` runs these, a file at a time: they start real Rays and vLLMs, which a machine has room for one of.
export default defineConfig({
  test: {
    root: new URL('../../', import.meta.url).pathname,
    include: ['test/cluster-real/*.test.ts'],
    globalSetup: ['test/build-first.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 900_000,
    hookTimeout: 600_000,
    // In CI a port that was taken, or a start that took too long, gets a second try, which the output tells. By hand
    // nothing is tried again.
    retry: process.env['CI'] === undefined ? 0 : 1,
    // What is broken early makes the rest mean nothing, and time is short.
    bail: 1,
    silent: false,
    disableConsoleIntercept: true,
    reporters: ['verbose'],
  },
});
