import { resolve } from 'node:path';
import { readStoredRun } from '../../runs/run-manifest.js';
import { readReport } from '../../report/report-data.js';
import { findFreshPage, writeReport } from '../../report/write-report.js';
import type { CommandAction } from '../command.js';
import type { openDefinition } from '../definitions/reports.js';

export const open: CommandAction<typeof openDefinition> = {
  run: async (context, { arguments: { run: folder } }) => {
    await readStoredRun(folder);
    const fresh = await findFreshPage(folder);
    const page = resolve(fresh ?? (await writeReport(await readReport(folder))).page);
    const isOpened = await context.openInBrowser(page);
    if (context.json) context.printJson({ page, isOpened, isWritten: fresh === null });
    else context.print(page);
    if (!isOpened) context.notify('No browser could be started here: open that file in one.');
  },
};
