import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatDuration, formatMemory } from '../../foundation/format-quantities.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { buildZoo, type BuiltZoo } from '../../zoo/build/build-zoo.js';
import { forecastZoo, type ZooForecast } from '../../zoo/build/forecast-zoo.js';
import { readZooDefinition } from '../../zoo/definition/zoo-definition.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { zooBuildDefinition } from '../definitions/zoo.js';
import { describeClasses } from '../describe-zoo.js';
import { printTable } from '../format-table.js';
import { openZooWorld } from '../open-zoo-world.js';
import { createRunDisplay } from '../run-display.js';

export const zooBuild: CommandAction<typeof zooBuildDefinition> = {
  run: async (context, { options }) => {
    const zoo = await readZooDefinition(options.definition);
    const { size, only, organisms, folder } = options;
    const choice = { size, only, organisms };
    const world = openZooWorld(context, {
      threads: options.threads,
      ignoresMemory: options['ignore-memory'],
      cellsAtOnce: options['cells-at-once'],
    });
    const display = createProgressDisplay({ ...context, stream: context.progress });
    const forecast = await forecastZoo(zoo, choice, folder, world, (count, total) => {
      display.show({ label: 'drawing rows', total, unit: 'entries', count });
    }).finally(display.finish);
    if (options.forecast) {
      if (context.json) context.printJson({ folder, edition: zoo.edition, size, ...forecast });
      else for (const line of describeForecast(forecast)) context.print(line);
      return;
    }
    for (const line of describeForecast(forecast)) context.notify(line);
    context.notify(`Into ${folder}. It may be stopped at any time: the same command goes on from there.`);
    const built = await buildZoo({
      ...{ zoo, choice, folder, world },
      onRun: ({ organism, look, forecast: left }) => {
        if (look === 0) context.notify(`organism ${organism}: what its entries start from is fine-tuned first`);
        if (look > 1)
          context.notify(`organism ${organism}: some classes are undecided, and more is asked (look ${String(look)})`);
        return createRunDisplay(display, left, context.now);
      },
    }).finally(display.finish);
    report(context, built);
    requireTrained(built);
  },
};

function describeForecast({ entries, stepsToDo, answersToAsk, seconds, how, bytes }: ZooForecast): string[] {
  const range = ([least, most]: readonly [number, number], format: (value: number) => string): string =>
    format(least) === format(most) ? format(least) : `${format(least)} to ${format(most)}`;
  const duration = (value: number): string => formatDuration(value * 1000);
  const source =
    how === 'this folder'
      ? 'by what earlier builds here took'
      : how === 'measured'
        ? 'by a few steps and answers that were timed just now'
        : 'an estimate: this machine was not timed on whole steps and answers';
  return [
    `${String(entries)} entries: ${String(stepsToDo)} steps to train, ${range(answersToAsk, String)} answers to ask`,
    ...(seconds === null
      ? ['nothing is left to do']
      : [
          `about ${range(seconds, duration)}, ${source}, as if models were made one after the other`,
          `about ${range(bytes, formatMemory)} of disk, an estimate by the sizes of adapters and answers`,
        ]),
  ];
}

function report(context: CommandContext, { folder, measured, summaries, failed }: BuiltZoo): void {
  const sum = (count: (summary: BuiltZoo['summaries'][number]) => number): number =>
    summaries.reduce((total, summary) => total + count(summary), 0);
  const work = {
    trained: sum(({ cells }) => cells.trained),
    asked: sum(({ answers }) => answers.asked),
    judged: sum(({ judgements }) => judgements.made),
  };
  if (context.json) {
    context.printJson({
      folder,
      ...work,
      failed,
      entries: measured.map(({ entry, truth }) => ({
        entry: entry.id,
        part: entry.part,
        class: truth.class,
        possible: truth.possible,
        worst: truth.worst?.name ?? null,
      })),
    });
    return;
  }
  const classes = measured.map(({ entry, truth }) => ({ kind: entry.kind, class: truth.class }));
  printTable(context, 'classes', describeClasses(classes));
  context.notify(
    `${folder}: ${String(work.trained)} models trained, ${String(work.asked)} answers asked; next: driftline zoo list, driftline zoo baselines`,
  );
}

function requireTrained({ failed }: BuiltZoo): void {
  const [first] = failed;
  if (first === undefined) return;
  throw new DriftlineError({
    code: 'loss-not-finite',
    message: `the training of ${String(failed.length)} entries failed: ${failed.map(({ entry, problem }) => `${entry}: ${problem}`).join('; ')}`,
    hint: 'The other entries are finished. Those that failed have no truth, and are not scored.',
    details: { entries: failed.map(({ entry }) => entry) },
  });
}
