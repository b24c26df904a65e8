import { findRule } from '../../judging/rules.js';
import { readReport } from '../../report/report-data.js';
import { writeReport } from '../../report/write-report.js';
import type { CommandAction } from '../command.js';
import type { reportDefinition } from '../definitions/reports.js';

export const report: CommandAction<typeof reportDefinition> = {
  run: async (context, { arguments: { run: folder }, options: { judge, rule } }) => {
    const ruleName = rule === undefined ? undefined : findRule(rule).name;
    const written = await writeReport(await readReport(folder, { judge, rule: ruleName }));
    if (context.json) context.printJson(written);
    else context.print(written.page);
  },
};
