import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { renderServices } from '../../scripts/render-services.js';
import { serviceNames, services } from '../../src/models/services/services.js';
import { keyFileVariable } from '../../src/models/services/read-key-file.js';

it('the page on services has each as the table has it (npm run docs:services writes it)', async () => {
  const page = await readFile(new URL('../../docs/services.md', import.meta.url), 'utf8');
  expect(page).toContain(`\n\n${renderServices()}\n<!-- end of services -->`);
  for (const name of serviceNames) {
    expect(page).toContain(`| \`${name}:${services[name].example}\` |`);
    expect(page).toContain(services[name].variables.key);
  }
  expect(page).toContain(keyFileVariable);
});
