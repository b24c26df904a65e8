import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { goldenRecipes, makeGoldenJob } from './golden-jobs.js';

const folder = fileURLToPath(new URL('../../fixtures/cluster/', import.meta.url));

describe('the job of a recipe', () => {
  it.each(Object.entries(goldenRecipes))(
    'is the golden one, which npm run fixtures:cluster writes: %s',
    async (name, recipe) => {
      const golden: unknown = JSON.parse(await readFile(join(folder, 'jobs', `${name}.json`), 'utf8'));
      expect(JSON.parse(await makeGoldenJob(recipe))).toEqual(golden);
    },
  );

  it('is known on the other side, too: each has golden arguments', async () => {
    const wanted = Object.keys(goldenRecipes)
      .map((name) => `${name}.json`)
      .sort();
    expect((await readdir(join(folder, 'jobs'))).sort()).toEqual(wanted);
    expect((await readdir(join(folder, 'arguments'))).sort()).toEqual(wanted);
  });
});
