import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DriftlineError } from '../foundation/driftline-error.js';
import type { PageAssets } from './page/render-document.js';

/** What `npm run build` makes of src/report/browser; src/report and dist/report lie equally deep in the package. */
const folder = new URL('../../dist/report/browser/', import.meta.url);

export async function readPageAssets(): Promise<PageAssets> {
  const read = (name: string): Promise<string> =>
    readFile(new URL(name, folder), 'utf8').catch((cause: unknown) => {
      throw new DriftlineError({
        code: 'file-unreadable',
        message: `${fileURLToPath(new URL(name, folder))} could not be read`,
        hint: 'Install driftline again; in a clone, run npm run build.',
        cause,
      });
    });
  return { style: await read('report-page.css'), script: await read('report-page.js') };
}
