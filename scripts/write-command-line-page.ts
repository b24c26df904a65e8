/** Writes docs/command-line.md from the table of commands. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { commands } from '../src/cli/commands.js';
import { renderCommandLinePage } from '../src/cli/render-command-line-page.js';

const page = path.resolve(import.meta.dirname, '../docs/command-line.md');
await writeFile(page, await renderCommandLinePage(commands));
console.log(`wrote ${page}`);
