import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditFile } from '../../detect/audit/audit-file.js';
import type { ScreenFile } from '../../detect/screen/screen-file.js';
import type { WatchFile } from '../../detect/watch/watch-file.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { readPageAssets } from '../page/render-document.js';
import { renderAudit } from './audit-page.js';
import { renderScreen } from './screen-page.js';
import { renderWatch } from './watch-page.js';

/** Writes the page of an audit into its folder; returns its path. */
export async function writeAuditReport(folder: string, audit: AuditFile): Promise<string> {
  return writePage(folder, renderAudit(audit, await readPageAssets()));
}

/** Writes the page of a screen into its folder; returns its path. */
export async function writeScreenReport(folder: string, screen: ScreenFile): Promise<string> {
  return writePage(folder, renderScreen(screen, await readPageAssets()));
}

/** Writes the page of a watch into the folder of its results, over an earlier one; returns its path. */
export async function writeWatchReport(folder: string, watch: WatchFile): Promise<string> {
  return writePage(folder, renderWatch(watch, await readPageAssets()));
}

async function writePage(folder: string, page: string): Promise<string> {
  const report = join(folder, 'report');
  await mkdir(report, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(report, cause);
  });
  const file = join(report, 'index.html');
  await writeFileAtomically(file, page);
  return file;
}
