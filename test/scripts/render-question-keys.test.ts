import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { renderQuestionKeys } from '../../scripts/render-question-keys.js';
import { parseYaml } from '../../src/foundation/read-yaml.js';
import { questionFileSchema, questionTypes } from '../../src/questions/question-file.js';

const page = await readFile(new URL('../../docs/question-files.md', import.meta.url), 'utf8');

it('the page on question files has every key as the schema has it (npm run docs:questions writes it)', () => {
  expect(page).toContain(`\n\n${renderQuestionKeys()}\n<!-- end of keys -->`);
  for (const key of Object.keys(questionFileSchema.options[0].element.shape)) expect(page).toContain(`| \`${key}\` |`);
});

it('says of every type what it is', () => {
  for (const type of questionTypes) expect(page).toMatch(new RegExp(`^\\| \`${type}\` \\| .+ \\|`, 'm'));
});

it('its examples are question files', () => {
  const blocks = [...page.matchAll(/(?:^ {4}.*\n|^\n(?= {4}))+/gm)].map(([block]) => block.replaceAll(/^ {4}/gm, ''));
  const files = blocks.filter((block) => /^- id:|^questions:$/m.test(block));
  expect(files).toHaveLength(3);
  for (const file of files) expect(() => parseYaml(file, questionFileSchema, 'example')).not.toThrow();
});
