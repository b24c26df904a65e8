import { defineConfig } from 'vitest/config';

// vitest reads its configuration from the default export; it is the only one in the repository besides eslint.config.js.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // They need Ray, TRL and vLLM: `npm run test:cluster` installs those and runs them.
    exclude: ['test/cluster-real/**'],
    globalSetup: ['test/build-first.ts'],
    // Two processes: ONNX Runtime brings its own threads, and continuous integration has two cores.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 240_000,
  },
});
