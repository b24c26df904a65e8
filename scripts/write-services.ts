/** Writes the tables in docs/services.md from the table of services. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { renderServices } from './render-services.js';

const page = path.resolve(import.meta.dirname, '../docs/services.md');
const marks = /(<!-- services: npm run docs:services writes what follows -->\n)[^]*(<!-- end of services -->)/;
const text = await readFile(page, 'utf8');
if (!marks.test(text)) throw new Error(`${page} has lost the marks of its tables`);
await writeFile(
  page,
  text.replace(marks, (_, before: string, after: string) => `${before}\n${renderServices()}\n${after}`),
);
console.log(`wrote ${page}`);
