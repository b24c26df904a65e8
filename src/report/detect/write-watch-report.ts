import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WatchFile } from '../../detect/watch/watch-file.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { readPageAssets } from '../page/render-document.js';
import { renderWatch } from './watch-page.js';

/** Writes the page of a watch into the folder `report` of its results, over an earlier one. Returns its path. */
export async function writeWatchReport(folder: string, watch: WatchFile): Promise<string> {
  const assets = await readPageAssets();
  const report = join(folder, 'report');
  await mkdir(report, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(report, cause);
  });
  const page = join(report, 'index.html');
  await writeFileAtomically(page, renderWatch(watch, assets));
  return page;
}
