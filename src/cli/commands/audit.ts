import { auditModel } from '../../api/audit.js';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { findRule } from '../../judging/rules.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { decideAuditGate, describeAuditGate, failAuditGate, listAuditCases } from '../decide-audit-gate.js';
import { requireGate } from '../decide-gate.js';
import { describeAudit, failAudit, tabulateContexts, tabulateReadings } from '../describe-audit.js';
import type { auditDefinition } from '../definitions/detect.js';
import { printTable } from '../format-table.js';
import { withJunit, type WriteJunit } from '../junit.js';

type Options = Parameters<CommandAction<typeof auditDefinition>['run']>[1]['options'];

export const audit: CommandAction<typeof auditDefinition> = {
  run: (context, { arguments: { model }, options }) =>
    withJunit(options.junit, [['the ledger', options.ledger]], (writeJunit) =>
      runGated(context, model, options, writeJunit),
    ),
};

async function runGated(
  context: CommandContext,
  model: string,
  options: Options,
  writeJunit: WriteJunit,
): Promise<void> {
  const { base, judge, surface, suite, data, template, detectors, choices, error, seed, audits, threads } = options;
  const { 'max-answers': maxAnswers, 'max-drift': maxDrift } = options;
  const { environment, fetch, signal, date, notify, print } = context;
  requireGate(maxDrift === undefined ? null : { maxDrift }, options);
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const progress = createEngineProgress({ ...context, stream: context.progress });
  const found = await auditModel(model, {
    ...{ rule: findRule(options.rule).name, error, seed, audits, environment, fetch, signal, date },
    memory: options['ignore-memory'] ? Infinity : context.memory,
    ...(base === undefined ? {} : { base }),
    ...(judge === undefined ? {} : { judge }),
    ...(surface === undefined ? {} : { surface }),
    ...(suite === undefined ? {} : { suite }),
    ...(data === undefined ? {} : { data }),
    ...(template === undefined ? {} : { template }),
    ...(detectors === undefined ? {} : { detectors }),
    ...(choices === undefined ? {} : { choices }),
    ...(maxDrift === undefined ? {} : { maxDrift }),
    ...(maxAnswers === undefined ? {} : { maxAnswers }),
    ...(threads === undefined ? {} : { threads }),
    onProgress: progress.onDownload,
    onNotice: notify,
    onLook: ({ answers, most, context: name }) => {
      display.show({ label: 'asking', total: most, unit: 'answers', count: answers.tuned, note: name });
    },
  }).finally(() => {
    progress.finish();
    display.finish();
  });
  const { audit: result, folder, work } = found;
  const gate = await decideAuditGate(context, options.ledger, found);
  if (context.json) context.printJson({ ...result, gate, folder, work });
  else {
    const [verdict = '', ...rest] = describeAudit(result);
    print(verdict, context.colors.bold);
    for (const line of rest) print(line);
    if (gate !== null) for (const line of describeAuditGate(gate)) print(line);
    if (result.contexts.length > 0) printTable(context, 'contexts', tabulateContexts(result, gate));
    if (result.readings.length > 0) printTable(context, 'detectors', tabulateReadings(result));
    for (const [place, { context: name, question, answer }] of result.decisive.entries()) {
      if (place > 0) print('');
      print(`${name}: ${question}`, context.colors.dim);
      print(answer);
    }
    for (const line of result.cannot) notify(line);
    if (folder !== null)
      notify(
        result.judge === null
          ? folder
          : `${folder}\n  answers: ${String(result.answers.tuned)} of the model, ${String(result.answers.base)} of the base`,
      );
  }
  if (gate !== null) await writeJunit(listAuditCases(gate, result));
  const failure = gate === null ? failAudit(result, folder) : failAuditGate(gate, folder);
  if (failure !== null) throw failure;
}
