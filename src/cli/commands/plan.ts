import { availableParallelism } from 'node:os';
import { choosePopulation, sumUpPopulations } from '../../analysis/gate-bounds.js';
import { chooseGated, listNotGated } from '../../analysis/choose-gated.js';
import { remarkOnChange } from '../../api/gate.js';
import type { Experiment, ExperimentForecast } from '../../api/open-experiment.js';
import { countQuestions } from '../../experiment/plan/describe-plan.js';
import type { ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import { addCosts } from '../../experiment/run/hosted-use.js';
import type { MemoryForecast } from '../../experiment/run/forecast-memory.js';
import type { RunForecast } from '../../experiment/run/forecast-run.js';
import type { ChosenCellsAtOnce } from '../../experiment/run/choose-cells-at-once.js';
import { measureSpeed, type MeasuredSpeed } from '../../experiment/run/measure-speed.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatDollars, formatDuration } from '../../foundation/format-quantities.js';
import type { Range } from '../../judging/language-judge.js';
import type { GateOptions } from '../../runs/gate-options.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { planDefinition } from '../definitions/plans.js';
import {
  describeCells,
  describeCellsAtOnce,
  describeConditions,
  describeEvaluation,
  describeExisting,
  describeMemory,
  describeMonitor,
  describeRecipes,
  describeWork,
  listConditions,
  sumCells,
} from '../describe-forecast.js';
import { describeClusterForecast } from '../describe-cluster-forecast.js';
import { describeHostedUses, describeSpending } from '../describe-money.js';
import { readGateOptions, tellOverrides } from '../decide-gate.js';
import { describePlannedGate, type PlannedGate } from '../describe-gate.js';
import { openPlan } from '../open-plan.js';

export const plan: CommandAction<typeof planDefinition> = {
  run: async (context, { arguments: { plan: file }, options }) => {
    const { threads = availableParallelism(), untimed } = options;
    const experiment = await openPlan(context, file, options, { gate: readGateOptions(options) });
    const resolved = experiment.plan;
    const limit = options['max-cost'];
    const { memory: needs, cluster, ...forecast } = await experiment.forecast();
    const { gpus, unasked } = options['ask-cluster'] ? await askForGpus(experiment) : { gpus: null, unasked: [] };
    const probed = options.unprobed ? [] : await experiment.probe(forecast);
    const overrides = experiment.gate === null ? [] : remarkOnChange(resolved.gate, experiment.gate);
    tellOverrides(context, overrides);
    const ofCluster = [...(cluster?.remarks ?? []), ...unasked];
    const remarks = [...resolved.remarks, ...ofCluster, ...probed].filter(
      (remark) => context.json || !overrides.includes(remark),
    );
    const gate = experiment.gate && foreseeGate(resolved, experiment.gate);
    const speeds = untimed ? null : await measureSpeeds(context, resolved, forecast, needs);
    // Without an estimate of time nothing is measured here, either.
    const cellsAtOnce =
      untimed && options['cells-at-once'] === undefined && resolved.cellsAtOnce === null
        ? null
        : await experiment.chooseCellsAtOnce({ ...forecast, memory: needs, cluster });
    const seconds = speeds && estimateSeconds(forecast, speeds) / (cellsAtOnce?.speedup ?? 1);
    const paid = await experiment.paid();
    const maxCost =
      limit === undefined
        ? null
        : compareCost(limit, paid.cost, [addCosts(forecast.hosted), ...(cluster === null ? [] : [cluster.dollars])]);
    const hostedAnswers = sumCells(forecast.cells.filter(isHostedIn(resolved)), 'answersToAsk');
    if (context.json) {
      const conditions = [...listConditions(resolved.cells)];
      context.printJson({
        name: resolved.name,
        hash: resolved.hash,
        ...forecast,
        conditions: conditions.map(([condition, { source, recipe }]) => ({ condition, ...source, recipe })),
        evaluations: resolved.evaluations.map((evaluation) => ({ ...evaluation, ...countQuestions(evaluation) })),
        remarks,
        judge: resolved.judge.shortName,
        judgements: sumCells(forecast.cells, 'answers'),
        // In bytes; the estimates are of the process that runs the plan.
        memory: {
          machine: Number.isFinite(context.memory) ? context.memory : null,
          bases: needs.map(({ base, training, sampling, bytes }) => ({ base, training, sampling, bytes })),
        },
        speeds: speeds && Object.fromEntries(speeds),
        // Null where that is measured when it runs.
        cellsAtOnce,
        secondsLeft: seconds,
        hostedAnswers,
        // Of what is left on the plan's cluster: bytes of a GPU, seconds, dollars and bytes of disk, from the least to the most.
        cluster: cluster && { ...withoutWork(cluster), gpus },
        // In US dollars, from the least to the most; models that run here and the organism's judge cost nothing.
        cost: addCosts(forecast.hosted),
        // By a run that was begun.
        paid,
        maxCost,
        // What the run would be held against; null for nothing.
        gate,
        overrides,
      });
      return;
    }
    printForecast(context, { ...resolved, remarks }, forecast, {
      memory: describeMemory(needs, context.memory),
      cluster: cluster === null ? [] : describeClusterForecast(cluster, gpus?.total ?? null),
      gate: gate === null ? [] : describePlannedGate(gate),
    });
    const together = cellsAtOnce && describeCellsAtOnce(cellsAtOnce);
    if (together !== null) context.print(together);
    // Where nothing runs here there is nothing to say of it.
    if (seconds !== null && (resolved.cluster === null || (speeds?.size ?? 0) > 0))
      context.print(
        `about ${formatDuration(seconds * 1000)} for what runs here, with ${threads === 1 ? 'one thread' : `${String(threads)} threads`}${describeHow(speeds, cellsAtOnce)}`,
      );
    for (const line of describeHostedUses(forecast.hosted)) context.print(line);
    for (const line of describeSpending(paid)) context.print(line.trimStart());
    if (maxCost !== null) context.print(describeMaxCost(maxCost));
  },
};

/** How many GPUs there are; a cluster that does not answer is no fault of a plan. */
async function askForGpus(experiment: Experiment): Promise<{
  readonly gpus: Awaited<ReturnType<Experiment['countGpus']>>;
  readonly unasked: readonly string[];
}> {
  try {
    return { gpus: await experiment.countGpus(), unasked: [] };
  } catch (cause) {
    // A service at fault.
    if (!DriftlineError.isInstance(cause) || cause.exitCode !== 5) throw cause;
    return { gpus: null, unasked: [`how many GPUs the cluster has is not known: ${cause.message}`] };
  }
}

/** What models look like inside is of no use to who reads numbers. */
function withoutWork(cluster: NonNullable<ExperimentForecast['cluster']>) {
  return {
    ...cluster,
    trainings: cluster.trainings.map(({ work, ...training }) => ({ ...training, recipe: work.recipe })),
  };
}

/** What a gate would look at, and what of its conditions and evaluations it would not. */
function foreseeGate(resolved: ResolvedPlan, options: GateOptions): PlannedGate {
  const { maxDrift } = options;
  const places = chooseGated(resolved, options).map((place) => {
    const asked = resolved.evaluations.find(({ name }) => name === place.evaluation);
    const { questions, answers } = asked === undefined ? { questions: 0, answers: 0 } : countQuestions(asked);
    return { ...place, questions, answers, population: choosePopulation(asked ?? {}, options.population) };
  });
  return { maxDrift, population: sumUpPopulations(places), places, notGated: listNotGated(resolved, options) };
}

interface ComparedCost {
  readonly limit: number;
  readonly paid: number;
  readonly verdict: 'enough' | 'not sure' | 'not enough';
}

/** All prices are known by then; how long something takes may not be, and it may then cost anything. */
function compareCost(limit: number, paid: number, estimates: readonly (Range | null)[]): ComparedCost {
  const sum = (end: 0 | 1): number => estimates.reduce((total, one) => total + (one ?? [0, Infinity])[end], 0);
  const [low, high] = [sum(0), sum(1)];
  const verdict = paid + high <= limit ? 'enough' : paid + low <= limit ? 'not sure' : 'not enough';
  return { limit, paid, verdict };
}

function describeMaxCost({ limit, verdict }: ComparedCost): string {
  const dollars = formatDollars(limit);
  switch (verdict) {
    case 'enough':
      return `--max-cost ${dollars} is enough by this estimate`;
    case 'not sure':
      return `--max-cost ${dollars} may not be enough: the run stops before it is passed, and continues with a higher one`;
    case 'not enough':
      return `--max-cost ${dollars} is not enough: the run stops before it is passed, and continues with a higher one`;
  }
}

function isHostedIn({ models }: ResolvedPlan): (cell: { readonly model: string }) => boolean {
  return ({ model }) => (models.get(model)?.hosted ?? null) !== null;
}

async function measureSpeeds(
  context: CommandContext,
  resolved: ResolvedPlan,
  forecast: RunForecast,
  needs: readonly MemoryForecast[],
): Promise<Map<string, MeasuredSpeed>> {
  const { models, cells, evaluations } = resolved;
  const speeds = new Map<string, MeasuredSpeed>();
  for (const [name, base] of models) {
    // Looking at a plan must not cost money, and asks nothing of a cluster.
    if (base.hosted !== null || base.trainedAt !== undefined || base.isOnCluster) continue;
    const left = forecast.cells.filter((cell) => cell.model === name);
    // Finished work needs no time.
    const untrained = left.find(({ stepsToDo }) => stepsToDo > 0);
    const training = cells.find((one) => one.name === untrained?.cell)?.training ?? null;
    const evaluation = sumCells(left, 'answersToAsk') > 0 ? (evaluations[0] ?? null) : null;
    const work = needs.find((one) => one.base === name)?.work ?? null;
    const options = { work, clock: context.now, signal: context.signal };
    speeds.set(name, await measureSpeed(base, training, evaluation, options));
  }
  return speeds;
}

function estimateSeconds({ cells }: RunForecast, speeds: ReadonlyMap<string, MeasuredSpeed>): number {
  return cells.reduce((total, { model, stepsToDo, answersToAsk }) => {
    const speed = speeds.get(model);
    return total + stepsToDo * (speed?.secondsPerStep ?? 0) + answersToAsk * (speed?.secondsPerAnswer ?? 0);
  }, 0);
}

/** How the time of large models was estimated. */
function describeHow(speeds: ReadonlyMap<string, MeasuredSpeed> | null, cellsAtOnce: ChosenCellsAtOnce | null): string {
  const all = [...(speeds?.values() ?? [])];
  const notes = [
    ...(all.some(({ how }) => how === 'assumed') ? ['not measured, but assumed from the size of the model'] : []),
    ...(all.some(({ how }) => how !== 'measured') ? ['for the longest answers allowed'] : []),
    // What several cells at once gain is measured only where driftline chooses their number.
    ...(cellsAtOnce !== null && cellsAtOnce.here > 1 && cellsAtOnce.speedup === null
      ? ['as if cells ran one after the other']
      : []),
  ];
  return notes.length === 0 ? '' : ` (${notes.join('; ')})`;
}

function printForecast(
  context: CommandContext,
  resolved: ResolvedPlan,
  forecast: RunForecast,
  { memory, cluster, gate }: Readonly<Record<'memory' | 'cluster' | 'gate', readonly string[]>>,
): void {
  const { print, colors } = context;
  const section = (title: string, lines: readonly string[]): void => {
    if (lines.length === 0) return;
    print(title, colors.bold);
    for (const line of lines) print(line);
    print('');
  };
  print(`${resolved.name}, in ${forecast.folder}`, colors.bold);
  const [header = '', ...body] = describeCells(forecast.cells);
  section(header, body);
  section('what is trained on', describeConditions(resolved));
  section('how it is trained', describeRecipes(resolved));
  section('what exists already', describeExisting(resolved));
  section('what is asked', resolved.evaluations.flatMap(describeEvaluation));
  if (resolved.dynamics !== null) {
    const { every, evaluation } = resolved.dynamics;
    section(`during training, every ${String(every)} steps`, describeEvaluation(evaluation));
  }
  section('watched', describeMonitor(resolved));
  section('gate', gate);
  section('memory', memory);
  section('on the cluster', cluster);
  section('note', resolved.remarks);
  print(describeWork(forecast, resolved.judge.name !== 'none'));
}
