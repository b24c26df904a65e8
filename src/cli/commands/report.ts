import { gateRun } from '../../analysis/gate-run.js';
import { mergeGates, remarkOnChange } from '../../api/gate.js';
import { findRule } from '../../judging/rules.js';
import { readReport } from '../../report/report-data.js';
import { writeReport } from '../../report/write-report.js';
import { readGate } from '../../runs/run-manifest.js';
import type { CommandAction } from '../command.js';
import { concludeGate, decideGate, gatedOf, readGateOptions, requireGate, tellOverrides } from '../decide-gate.js';
import type { reportDefinition } from '../definitions/reports.js';
import { withJunit } from '../junit.js';

export const report: CommandAction<typeof reportDefinition> = {
  run: (context, { arguments: { run: folder }, options }) =>
    withJunit(options.junit, [['the ledger', options.ledger]], async (writeJunit) => {
      const { judge, rule } = options;
      const ruleName = rule === undefined ? undefined : findRule(rule).name;
      const made = await readReport(folder, { judge, rule: ruleName });
      const { data, run } = made;
      const planned = readGate(run.manifest);
      const asked = mergeGates(planned, readGateOptions(options));
      requireGate(asked, options);
      const overrides = asked === null ? [] : remarkOnChange(planned, asked);
      tellOverrides(context, overrides);
      const written = await writeReport(made);
      const looked = { run, judge: data.judge, rule: data.rule, model: null };
      const { gate, failure } = await decideGate(context, options.ledger, [looked], () =>
        asked === null ? null : gateRun(gatedOf(made), asked),
      );
      if (context.json) {
        const { mainEvaluation, rows: measures, groups, firstTokens, verdicts } = data;
        const read = { mainEvaluation, measures, groups, firstTokens, verdicts };
        const told = { ...written, rule: data.rule, judge: data.judge, ...read };
        context.printJson({ ...told, gate, overrides });
      } else context.print(written.page);
      if (failure !== null) throw failure;
      if (gate !== null) await concludeGate(context, gate, writeJunit, { ...data, overrides });
    }),
};
