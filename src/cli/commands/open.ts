import { resolve } from 'node:path';
import { readStoredRun } from '../../runs/stored-run.js';
import { readReport } from '../../report/read-report.js';
import { findFreshPage, writeReport } from '../../report/write-report.js';
import { defineCommand } from '../command.js';
import { nonEmptyText } from '../option-values.js';

export const open = defineCommand({
  name: 'open',
  summary: 'Open the report of a run in the browser',
  description: 'Writes the report first where there is none, or where the run went on since it was written.',
  arguments: { run: { description: 'A run folder, such as runs/mine-1a2b3c4d', schema: nonEmptyText } },
  options: {},
  examples: [{ description: 'Look at a run', line: 'driftline open runs/mine-1a2b3c4d' }],
  run: async (context, { arguments: { run: folder } }) => {
    await readStoredRun(folder);
    const fresh = await findFreshPage(folder);
    const page = resolve(fresh ?? (await writeReport(await readReport(folder))).page);
    const isOpened = await context.openInBrowser(page);
    if (context.json) context.printJson({ page, isOpened, isWritten: fresh === null });
    else context.print(page);
    if (!isOpened) context.notify('No browser could be started here: open that file in one.');
  },
});
