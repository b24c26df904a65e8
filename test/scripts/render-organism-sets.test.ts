import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { renderOrganismSets } from '../../scripts/render-organism-sets.js';
import { questionSuites } from '../../src/organism/questions/question-suites.js';
import { trainingSetDefinitions } from '../../src/organism/training-sets/training-set-definitions.js';
import { currentEdition } from '../../src/organism/world/editions.js';

it("the page on the organism's sets has each as the world makes it (npm run docs:organism-sets writes it)", async () => {
  const page = await readFile(new URL('../../docs/organism-sets.md', import.meta.url), 'utf8');
  expect(page).toContain(`\n\n${await renderOrganismSets()}\n<!-- end of sets -->`);
  for (const [name, { edition, settings }] of trainingSetDefinitions) {
    // Plans cannot use what a later edition has.
    if (edition > currentEdition) continue;
    expect(page).toContain(`| \`organism/${name}\` |`);
    for (const setting of Object.keys(settings.shape)) expect(page).toContain(`| \`${setting}\` |`);
  }
  for (const name of questionSuites.keys()) expect(page).toContain(`| \`organism/${name}\` |`);
});
