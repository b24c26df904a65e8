import type { TestProject } from 'vitest/node';
import { build } from '../scripts/build.js';

/** Threads, workers and programs exist only in dist/: it is made of the sources under test before any test runs, or none does. */
export async function setup(project: TestProject): Promise<void> {
  await build(project.config.root);
  project.onTestsRerun(async () => {
    await build(project.config.root);
  });
}
