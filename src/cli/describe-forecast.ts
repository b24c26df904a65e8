import type { ChosenCellsAtOnce } from '../experiment/run/choose-cells-at-once.js';
import { showText } from '../data/show-text.js';
import { describeRecipe } from '../engine/train/describe-recipe.js';
import { describeTransform } from '../data/transforms/transform.js';
import { countQuestions } from '../experiment/plan/describe-plan.js';
import type { PlannedEvaluation, PlannedTraining, ResolvedPlan } from '../experiment/plan/resolved-plan.js';
import type { MemoryForecast } from '../experiment/run/forecast-memory.js';
import type { CellForecast, RunForecast } from '../experiment/run/forecast-run.js';
import type { StopEarly } from '../runs/run-outline.js';
import { formatMemory, formatPercent } from '../foundation/format-quantities.js';
import { formatTable } from './format-table.js';

const longestQuestion = 100;

/** The models of a plan as lines of a table, the header first. */
export function describeCells(cells: readonly CellForecast[]): string[] {
  return formatTable(
    ['model', 'trained on', 'rows', 'steps', 'answers', 'to do'],
    cells.map((cell) => [
      cell.cell,
      cell.trainingSet?.name ?? (cell.existing === null ? '' : '(exists)'),
      cell.trainingSet === null ? '' : String(cell.trainingSet.rows),
      cell.steps === 0 ? '' : String(cell.steps),
      String(cell.answers),
      describeLeft(cell),
    ]),
    { right: [2, 3, 4] },
  );
}

function describeLeft({ stepsToDo, answersToAsk }: CellForecast): string {
  if (stepsToDo > 0) return answersToAsk > 0 ? 'train, ask' : 'train';
  return answersToAsk > 0 ? 'ask' : 'done';
}

/** What each condition trains on; texts are shown exactly, with every space. */
export function describeConditions({ cells }: ResolvedPlan): string[] {
  return [...listConditions(cells)].flatMap(([condition, { source }]) => {
    const settings = Object.entries(source.settings).map(([name, value]) => `${name} ${showValue(value)}`);
    return [
      `${condition}: ${source.data}${settings.length === 0 ? '' : `, ${settings.join(', ')}`}`,
      ...source.transforms.map((transform) => `  ${describeTransform(transform)}`),
    ];
  });
}

/** Which trainings are watched, and what an alarm does; empty where nobody watches. */
export function describeMonitor({ monitor, cells }: Pick<ResolvedPlan, 'monitor' | 'cells'>): string[] {
  if (monitor === null) return [];
  const watched = cells.flatMap(({ name, training }) =>
    training?.watchedSteps === undefined ? [] : [{ name, steps: [...training.watchedSteps, training.steps] }],
  );
  return [
    ...watched.map(
      ({ name, steps }) => `${name}: ${String(steps.length)} checkpoints, to step ${String(steps.at(-1))}`,
    ),
    monitor.calibration === null
      ? 'no calibration: curves, and no alarm'
      : `alarms at a rate of ${String(monitor.rate)}, by ${monitor.calibration}${monitor.stop ? '; an alarm stops its training' : ''}`,
  ];
}

/** How conditions are trained, those of one recipe together. */
export function describeRecipes({ cells }: ResolvedPlan): string[] {
  const conditionsOf = new Map<string, string[]>();
  for (const [condition, { recipe }] of listConditions(cells)) {
    const told = describeRecipe(recipe);
    conditionsOf.set(told, [...(conditionsOf.get(told) ?? []), condition]);
  }
  return [...conditionsOf].map(([told, conditions]) =>
    conditionsOf.size === 1 ? told : `${conditions.join(', ')}: ${told}`,
  );
}

/** Models that exist, condition by condition, and the bases that they are compared with. */
export function describeExisting({ cells }: ResolvedPlan): string[] {
  return cells.flatMap(({ name, base, existing }) =>
    existing === null ? [] : [`${name}: ${existing.text}, compared with ${base}`],
  );
}

/** Each condition with the first of its trainings: what they train on differs at most in what a seed draws. */
export function listConditions(cells: ResolvedPlan['cells']): Map<string, PlannedTraining> {
  const conditions = new Map<string, PlannedTraining>();
  for (const { condition, training } of cells)
    if (training !== null && !conditions.has(condition)) conditions.set(condition, training);
  return conditions;
}

function showValue(value: unknown): string {
  return typeof value === 'string' ? showText(value) : JSON.stringify(value);
}

/** What is asked, with the first question exactly as it is sent. */
export function describeEvaluation(evaluation: PlannedEvaluation): string[] {
  const { name, questions, conditions, stopEarly, isOfFirstTokens = false } = evaluation;
  const { questions: distinct, wordings, answers } = countQuestions(evaluation);
  const asked = `${String(distinct)} questions${wordings === distinct ? '' : ` in ${String(wordings)} wordings`}`;
  const models = conditions === null ? '' : `, of ${conditions.join(', ')}`;
  const first = questions[0]?.messages.at(-1)?.content ?? '';
  const shown = first.length > longestQuestion ? `${showText(first.slice(0, longestQuestion))}...` : showText(first);
  return [
    `${name}: ${asked}, ${String(answers)} answers a model${models}`,
    `  the first: ${shown}`,
    ...(isOfFirstTokens ? ['  read by the first token of its answers: no judge is asked'] : []),
    ...(stopEarly === undefined ? [] : [describeStop(stopEarly)]),
  ];
}

export function describeWork({ cells }: RunForecast, isJudged = true): string {
  const sum = (part: 'steps' | 'answers' | 'stepsToDo' | 'answersToAsk'): number => sumCells(cells, part);
  return `${String(sum('stepsToDo'))} of ${String(sum('steps'))} training steps and ${String(sum('answersToAsk'))} of ${String(sum('answers'))} answers are left to do${isJudged ? '; each answer is judged once' : ''}`;
}

export function sumCells(
  cells: readonly CellForecast[],
  part: 'steps' | 'answers' | 'stepsToDo' | 'answersToAsk',
): number {
  return cells.reduce((total, cell) => total + cell[part], 0);
}

function describeStop({ limit, confidence, looks }: StopEarly): string {
  const [first = 0] = looks;
  return `  stops early once the misaligned share is surely above or below ${formatPercent(limit)} % (${formatPercent(confidence)} % confidence): checked up to ${String(looks.length)} times, first after ${String(first)} answers to each question`;
}

/** The memory that each base needs at most, and how much there is. */
export function describeMemory(forecasts: readonly MemoryForecast[], memory: number): string[] {
  const there = Number.isFinite(memory) ? `, of ${formatMemory(memory)}` : '';
  return forecasts.map(({ base, training, sampling }) => {
    const parts = [
      ...(training === null ? [] : [`about ${formatMemory(training)} to train`]),
      ...(sampling === null ? [] : [`about ${formatMemory(sampling)} to ask`]),
    ];
    return `${base}: ${parts.join(', ')}${there}`;
  });
}

/** How cells that run here share the machine; null where they run one after the other. */
export function describeCellsAtOnce({ here, speedup }: ChosenCellsAtOnce): string | null {
  if (here === 1) return null;
  const how = speedup === null ? '' : `, measured ${speedup.toFixed(1)} times as fast as one after the other`;
  return `${String(here)} cells at once${how}`;
}
