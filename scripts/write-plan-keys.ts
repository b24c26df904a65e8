/** Writes the tables of keys in docs/experiments.md from the schema of plans. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { renderPlanKeys } from './render-plan-keys.js';

const page = path.resolve(import.meta.dirname, '../docs/experiments.md');
const marks = /(<!-- keys: npm run docs:plan writes what follows -->\n)[^]*(<!-- end of keys -->)/;
const text = await readFile(page, 'utf8');
if (!marks.test(text)) throw new Error(`${page} has lost the marks of the tables of keys`);
await writeFile(
  page,
  text.replace(marks, (_, before: string, after: string) => `${before}\n${renderPlanKeys()}\n${after}`),
);
console.log(`wrote ${page}`);
