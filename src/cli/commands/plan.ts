import { availableParallelism } from 'node:os';
import { forecastRun, type CellForecast, type RunForecast } from '../../experiment/run/forecast-run.js';
import { measureSpeed, type MeasuredSpeed } from '../../experiment/run/measure-speed.js';
import type { ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import { formatDuration } from '../../foundation/format-duration.js';
import { readWorld } from '../../organism/world/read-world.js';
import { defineCommand } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { formatTable } from '../format-table.js';
import { flag, nonEmptyText, wholeNumber } from '../option-values.js';
import { readPlanFile } from '../read-plan-file.js';

export const plan = defineCommand({
  name: 'plan',
  summary: 'Show what a plan would do, and how long it would take, before it does anything',
  description:
    'Reads the plan with all its training sets and questions, and lists the models it would make, the steps, the answers and the judgements, less what is there already. A few training steps and answers are measured for the time; nothing is kept of them.',
  arguments: { plan: { description: 'The plan, a YAML file', schema: nonEmptyText } },
  options: {
    runs: { value: 'FOLDER', description: 'Where run folders are', schema: nonEmptyText, default: 'runs' },
    threads: {
      value: 'N',
      description: 'Threads for models that run here; all cores if not given',
      schema: wholeNumber(1).optional(),
      example: '2',
    },
    untimed: { description: 'Leave out the estimate of time, which takes some seconds', schema: flag },
  },
  examples: [{ description: 'Look before it starts', line: 'driftline plan experiments/paper.yaml' }],
  run: async (context, { arguments: { plan: file }, options }) => {
    const { runs, threads = availableParallelism(), untimed } = options;
    const world = await readWorld();
    const resolved = await readPlanFile(context, file, { world, threads });
    const forecast = await forecastRun(runs, resolved);
    const speeds = untimed ? null : await measureSpeeds(context, resolved, forecast);
    const seconds = speeds && estimateSeconds(forecast, speeds);
    if (context.json) {
      context.printJson({
        name: resolved.name,
        hash: resolved.hash,
        ...forecast,
        judgements: sum(forecast.cells, 'answers'),
        speeds: speeds && Object.fromEntries(speeds),
        secondsLeft: seconds,
        // Models that run here and the organism's judge cost nothing.
        cost: 0,
      });
      return;
    }
    printForecast(context, resolved, forecast);
    if (seconds !== null)
      context.print(`about ${formatDuration(seconds * 1000)} on ${String(threads)} threads, and no money`);
  },
});

async function measureSpeeds(
  context: CommandContext,
  { bases, cells, evaluations }: ResolvedPlan,
  forecast: RunForecast,
): Promise<Map<string, MeasuredSpeed>> {
  const speeds = new Map<string, MeasuredSpeed>();
  for (const [name, base] of bases) {
    const left = forecast.cells.filter((cell) => cell.base === name);
    // What is done already needs no time.
    const trained = left.find(({ stepsToDo }) => stepsToDo > 0);
    const cell = cells.find((one) => one.name === trained?.cell);
    const evaluation = sum(left, 'answersToAsk') > 0 ? evaluations[0] : undefined;
    speeds.set(name, await measureSpeed(base, cell, evaluation, { clock: context.now, signal: context.signal }));
  }
  return speeds;
}

function estimateSeconds({ cells }: RunForecast, speeds: ReadonlyMap<string, MeasuredSpeed>): number {
  return cells.reduce((total, { base, stepsToDo, answersToAsk }) => {
    const speed = speeds.get(base);
    return total + stepsToDo * (speed?.secondsPerStep ?? 0) + answersToAsk * (speed?.secondsPerAnswer ?? 0);
  }, 0);
}

function printForecast(context: CommandContext, { name, evaluations }: ResolvedPlan, forecast: RunForecast): void {
  const { cells, folder } = forecast;
  const [header = '', ...body] = formatTable(
    ['model', 'trained on', 'rows', 'steps', 'answers', 'to do'],
    cells.map((cell) => [
      cell.cell,
      cell.trainingSet?.name ?? '',
      cell.trainingSet === null ? '' : String(cell.trainingSet.rows),
      cell.steps === 0 ? '' : String(cell.steps),
      String(cell.answers),
      describeLeft(cell),
    ]),
    { right: [2, 3, 4] },
  );
  context.print(`${name}, in ${folder}`, context.colors.bold);
  context.print(header, context.colors.bold);
  for (const line of body) context.print(line);
  context.print('');
  for (const { name: evaluation, questions, conditions } of evaluations) {
    const perModel = questions.reduce((total, { samples }) => total + samples, 0);
    context.print(
      `${evaluation}: ${String(questions.length)} questions, ${String(perModel)} answers a model${conditions === null ? '' : `, of ${conditions.join(', ')}`}`,
    );
  }
  context.print('');
  context.print(
    `${String(sum(cells, 'stepsToDo'))} of ${String(sum(cells, 'steps'))} training steps and ${String(sum(cells, 'answersToAsk'))} of ${String(sum(cells, 'answers'))} answers are left to do; each answer is judged once`,
  );
}

function describeLeft({ stepsToDo, answersToAsk }: CellForecast): string {
  if (stepsToDo > 0) return answersToAsk > 0 ? 'train, ask' : 'train';
  return answersToAsk > 0 ? 'ask' : 'done';
}

function sum(cells: readonly CellForecast[], part: 'steps' | 'answers' | 'stepsToDo' | 'answersToAsk'): number {
  return cells.reduce((total, cell) => total + cell[part], 0);
}
