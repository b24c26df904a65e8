import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScreenFile } from '../../detect/screen/screen-file.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { readPageAssets } from '../page/render-document.js';
import { renderScreen } from './screen-page.js';

/** Writes the page of a screen into its folder; returns its path. */
export async function writeScreenReport(folder: string, screen: ScreenFile): Promise<string> {
  const place = join(folder, 'report');
  await mkdir(place, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(place, cause);
  });
  const page = join(place, 'index.html');
  await writeFileAtomically(page, renderScreen(screen, await readPageAssets()));
  return page;
}
