/** Writes docs/api.md from the source. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { renderApiReference } from './render-api-reference.js';

const page = path.resolve(import.meta.dirname, '../docs/api.md');
await writeFile(page, await renderApiReference());
console.log(`wrote ${page}`);
