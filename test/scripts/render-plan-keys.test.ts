import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { renderPlanKeys } from '../../scripts/render-plan-keys.js';
import { planSchema } from '../../src/experiment/plan/plan-schema.js';

it('the page on experiments has every key as the schema has it (npm run docs:plan writes it)', async () => {
  const page = await readFile(new URL('../../docs/experiments.md', import.meta.url), 'utf8');
  expect(page).toContain(`\n\n${renderPlanKeys()}\n<!-- end of keys -->`);
  for (const key of Object.keys(planSchema.shape)) expect(page).toContain(`| \`${key}\` |`);
});
