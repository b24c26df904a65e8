import { auditModel } from '../../api/audit.js';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { findRule } from '../../judging/rules.js';
import type { CommandAction } from '../command.js';
import { describeAudit, failAudit, tabulateContexts } from '../describe-audit.js';
import type { auditDefinition } from '../definitions/detect.js';
import { printTable } from '../format-table.js';

export const audit: CommandAction<typeof auditDefinition> = {
  run: async (context, { arguments: { model }, options }) => {
    const { base, judge, surface, suite, data, error, seed, audits, threads, 'max-answers': maxAnswers } = options;
    const { environment, fetch, signal, date, notify, print } = context;
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
    if (context.json) context.printJson({ ...result, folder, work });
    else {
      const [verdict = '', ...rest] = describeAudit(result);
      print(verdict, context.colors.bold);
      for (const line of rest) print(line);
      if (!result.isSame) printTable(context, 'contexts', tabulateContexts(result));
      for (const [place, { context: name, question, answer }] of result.decisive.entries()) {
        if (place > 0) print('');
        print(`${name}: ${question}`, context.colors.dim);
        print(answer);
      }
      for (const line of result.cannot) notify(line);
      if (folder !== null)
        notify(
          `${folder}\n  answers: ${String(result.answers.tuned)} of the model, ${String(result.answers.base)} of the base`,
        );
    }
    const failure = failAudit(result, folder);
    if (failure !== null) throw failure;
  },
};
