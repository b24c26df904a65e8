import { findRule } from '../../judging/rules.js';
import { readReport } from '../../report/read-report.js';
import { writeReport } from '../../report/write-report.js';
import { defineCommand } from '../command.js';
import { nonEmptyText } from '../option-values.js';
import { planRuleOption } from '../plan-rule-option.js';

export const report = defineCommand({
  name: 'report',
  summary: 'Write the report of a run: a page with figures, tables and every answer',
  description:
    'Reads a run folder, whole or not, and writes report/index.html there: one file that works offline, with the verdict, figures, intervals, warnings, and the answers behind every number. Beside it are the tables as CSV, the figures as SVG and the answers as Parquet. driftline run writes it, too. Nothing is asked or judged.',
  arguments: { run: { description: 'A run folder, such as runs/mine-1a2b3c4d', schema: nonEmptyText } },
  options: {
    judge: {
      value: 'JUDGE',
      description:
        "Whose judgements count, by the name that it has in judgements.jsonl; the run's own judge if not given",
      schema: nonEmptyText.optional(),
      example: 'openai:gpt-4o-2024-08-06:logprobs:1a2b3c4d',
    },
    rule: planRuleOption,
  },
  examples: [
    { description: 'Write the report of a run', line: 'driftline report runs/mine-1a2b3c4d' },
    { description: 'The same, counted by another rule', line: 'driftline report runs/mine-1a2b3c4d --rule coherent' },
  ],
  run: async (context, { arguments: { run: folder }, options: { judge, rule } }) => {
    const ruleName = rule === undefined ? undefined : findRule(rule).name;
    const written = await writeReport(await readReport(folder, { judge, rule: ruleName }));
    if (context.json) context.printJson(written);
    else context.print(written.page);
  },
});
