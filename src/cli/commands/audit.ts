import { auditModel } from '../../api/audit.js';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { findRule } from '../../judging/rules.js';
import type { HostedPrice } from '../../models/hosted/spending/hosted-prices.js';
import { divideModel } from '../../models/model-reference.js';
import type { SpendingSummary } from '../../models/hosted/spending/summarise-spending.js';
import { describeAudit } from '../../report/detect/describe-audit.js';
import { tabulateContexts, tabulateReadings } from '../../report/detect/tabulate-audit.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { decideAuditGate, describeAuditGate, failAuditGate, listAuditCases } from '../decide-audit-gate.js';
import { requireGate } from '../decide-gate.js';
import type { auditDefinition } from '../definitions/detect.js';
import { verdictWords } from '../describe-gate.js';
import { describePaid, describeSpending } from '../describe-money.js';
import { failAudit } from '../fail-audit.js';
import { printTextTables } from '../format-table.js';
import { withJunit, type WriteJunit } from '../junit.js';

type AuditCommandOptions = Parameters<CommandAction<typeof auditDefinition>['run']>[1]['options'];

export const audit: CommandAction<typeof auditDefinition> = {
  run: async (context, { arguments: { model }, options }) => {
    const ofCalibrating = (['benign', 'per-set', 'recipe', 'every', 'to', 'runs'] as const).find(
      (name) => options[name] !== undefined,
    );
    if (options.calibrate !== undefined) {
      if (model !== undefined)
        throw misplaced('--calibrate audits no model', 'Leave the model out, or audit it in a line of its own.');
      const { calibrate } = await import('./audit-calibrate.js');
      await calibrate(context, options.calibrate, options);
      return;
    }
    if (ofCalibrating !== undefined)
      throw misplaced(`--${ofCalibrating} is for --calibrate`, 'Name the base: --calibrate BASE.');
    if (model === undefined) throw misplaced('MODEL is missing', 'See driftline audit --help.');
    if (options.rate !== undefined && options.calibration === undefined)
      throw misplaced('--rate is for --calibration or --calibrate', 'Name a calibration: --calibration FILE.');
    await withJunit(options.junit, [['the ledger', options.ledger]], (writeJunit) =>
      runGated(context, model, options, writeJunit),
    );
  },
};

function misplaced(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}

async function runGated(
  context: CommandContext,
  model: string,
  options: AuditCommandOptions,
  writeJunit: WriteJunit,
): Promise<void> {
  const { base, judge, surface, suite, data, template, detectors, choices, calibration, rate } = options;
  const { error, seed, audits, threads } = options;
  const { 'max-answers': maxAnswers, 'max-drift': maxDrift, 'max-cost': maxCost } = options;
  const { environment, fetch, signal, date, now: clock, notify, print } = context;
  requireGate(maxDrift === undefined ? null : { maxDrift }, options);
  let paid: SpendingSummary | null = null;
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const progress = createEngineProgress({ ...context, stream: context.progress });
  const found = await auditModel(model, {
    ...{ rule: findRule(options.rule).name, error, seed, audits, environment, fetch, signal, date, clock },
    prices: priceModels(model, options),
    memory: options['ignore-memory'] ? Infinity : context.memory,
    ...(base === undefined ? {} : { base }),
    ...(judge === undefined ? {} : { judge }),
    ...(surface === undefined ? {} : { surface }),
    ...(suite === undefined ? {} : { suite }),
    ...(data === undefined ? {} : { data }),
    ...(template === undefined ? {} : { template }),
    ...(detectors === undefined ? {} : { detectors }),
    ...(choices === undefined ? {} : { choices }),
    ...(calibration === undefined ? {} : { calibration }),
    ...(rate === undefined ? {} : { rate }),
    ...(maxDrift === undefined ? {} : { maxDrift }),
    ...(maxAnswers === undefined ? {} : { maxAnswers }),
    ...(maxCost === undefined ? {} : { maxCost }),
    ...(threads === undefined ? {} : { threads }),
    onProgress: progress.onDownload,
    onNotice: notify,
    onLook: ({ answers, most, context: name }, spending) => {
      paid = spending;
      const note = [name, describePaid(spending) ?? ''].filter((part) => part !== '').join(', ');
      display.show({ label: 'asking', total: most, unit: 'answers', count: answers.tuned, note });
    },
  })
    .finally(() => {
      progress.finish();
      display.finish();
    })
    .catch((cause: unknown) => {
      if (paid !== null) for (const line of describeSpending(paid)) notify(line);
      throw cause;
    });
  const { audit: result, folder, page, work, spending } = found;
  const gate = await decideAuditGate(context, options.ledger, found);
  if (context.json) context.printJson({ ...result, gate, folder, page, work, spending });
  else {
    const [verdict, ...rest] = describeAudit(result);
    print(verdict, context.colors.bold);
    for (const line of rest) print(line);
    if (gate !== null) for (const line of describeAuditGate(gate)) print(line);
    const words = gate?.rows.map((row) => verdictWords[row.verdict]) ?? null;
    if (result.contexts.length > 0) printTextTables(context, [tabulateContexts(result, words)]);
    if (result.readings.length > 0) printTextTables(context, [tabulateReadings(result)]);
    for (const [place, { context: name, question, answer }] of result.decisive.entries()) {
      if (place > 0) print('');
      print(`${name}: ${question}`, context.colors.dim);
      print(answer);
    }
    for (const line of result.cannot) notify(line);
    if (folder !== null)
      notify(
        result.judge === null
          ? `${folder}\n  the page: ${page ?? ''}`
          : `${folder}\n  answers: ${String(result.answers.tuned)} of the model, ${String(result.answers.base)} of the base; the page: ${page ?? ''}`,
      );
  }
  if (!context.json && spending !== null) for (const line of describeSpending(spending)) notify(line);
  if (gate !== null) await writeJunit(listAuditCases(gate, result));
  const failure = gate === null ? failAudit(result, folder) : failAuditGate(gate, folder);
  if (failure !== null) throw failure;
}

/** By the names of the models; a judge that is one of them has its own price, where one is given. */
function priceModels(
  model: string,
  { base, judge, 'model-price': ofModels, 'judge-price': ofJudge }: AuditCommandOptions,
): Readonly<Record<string, HostedPrice>> {
  const models = base === undefined ? [model, divideModel(model).base] : [model, base];
  return {
    ...(ofModels === undefined ? {} : Object.fromEntries(models.map((name) => [name, ofModels]))),
    ...(ofJudge === undefined || judge === undefined ? {} : { [judge]: ofJudge }),
  };
}
