import { resolve } from 'node:path';
import { readStoredRun } from '../../runs/run-manifest.js';
import { readReport } from '../../report/report-data.js';
import { findFreshPage, writeReport } from '../../report/write-report.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { openDefinition } from '../definitions/reports.js';

export const open: CommandAction<typeof openDefinition> = {
  run: async (context, { arguments: { run: folders } }) => {
    const opened = [];
    for (const folder of folders) opened.push(await openReport(context, folder));
    if (context.json) context.printJson(opened.length === 1 ? opened[0] : opened);
    if (opened.some(({ isOpened }) => !isOpened))
      context.notify(
        `No browser could be started here: open ${opened.length === 1 ? 'that file' : 'these files'} in one.`,
      );
  },
};

async function openReport(context: CommandContext, folder: string) {
  await readStoredRun(folder);
  const fresh = await findFreshPage(folder);
  const page = resolve(fresh ?? (await writeReport(await readReport(folder))).page);
  const isOpened = await context.openInBrowser(page);
  if (!context.json) context.print(page);
  return { page, isOpened, isWritten: fresh === null };
}
