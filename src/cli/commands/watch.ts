import { watchFolder } from '../../api/watch.js';
import type { WatchEvent } from '../../detect/watch/run-watch.js';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { findRule } from '../../judging/rules.js';
import { describeWatch } from '../../report/detect/describe-watch.js';
import type { CommandAction } from '../command.js';
import type { watchDefinition } from '../definitions/watch.js';
import { describeEvent, failWatch, tabulateCurve } from '../describe-watch.js';
import { printTable } from '../format-table.js';

export const watch: CommandAction<typeof watchDefinition> = {
  run: async (context, { arguments: { folder }, options }) => {
    const { base, calibration, rate, choices, surface, judge, answers, once, to, poll, seed, threads } = options;
    const { 'stop-file': stopFile, 'quiet-for': quietFor } = options;
    const { environment, fetch, signal, notify } = context;
    const progress = createEngineProgress({ ...context, stream: context.progress });
    const found = await watchFolder(folder, {
      ...{ base, rate, answers, once, quietFor, poll, seed, environment, fetch, signal },
      rule: findRule(options.rule).name,
      memory: options['ignore-memory'] ? Infinity : context.memory,
      ...(calibration === undefined ? {} : { calibration }),
      ...(choices === undefined ? {} : { choices }),
      ...(surface === undefined ? {} : { surface }),
      ...(judge === undefined ? {} : { judge }),
      ...(stopFile === undefined ? {} : { stopFile }),
      ...(to === undefined ? {} : { to }),
      ...(threads === undefined ? {} : { threads }),
      onProgress: progress.onDownload,
      onNotice: notify,
      onEvent: (event: WatchEvent) => {
        notify(describeEvent(event));
      },
    }).finally(() => {
      progress.finish();
    });
    if (context.json)
      context.printJson({ ...found.watch, results: found.folder, page: found.page, stopFile: found.stopFile });
    else {
      const [verdict, ...rest] = describeWatch(found.watch);
      context.print(verdict, context.colors.bold);
      for (const line of rest) context.print(line);
      printTable(context, 'checkpoints', tabulateCurve(found.watch));
      for (const line of found.watch.cannot) notify(line);
      notify(found.page);
    }
    const failure = failWatch(found);
    if (failure !== null) throw failure;
  },
};
