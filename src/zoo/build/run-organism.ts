import { join } from 'node:path';
import { locateFrom } from '../../experiment/plan/plan-models.js';
import type { Plan } from '../../experiment/plan/plan-schema.js';
import { resolvePlan } from '../../experiment/plan/resolve-plan.js';
import type { ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import { readWorldOfBases } from '../../experiment/plan/world-of-bases.js';
import { chooseCellsAtOnce } from '../../experiment/run/choose-cells-at-once.js';
import { forecastMemory, requireMemory } from '../../experiment/run/forecast-memory.js';
import { forecastRun, type RunForecast } from '../../experiment/run/forecast-run.js';
import type { RunEvent } from '../../experiment/run/run-progress.js';
import { runPlan, type RunSummary } from '../../experiment/run/run-plan.js';
import type { WrittenModel } from '../../models/model-reference.js';
import { openOrganism, type Organism } from '../../organism/organism.js';
import type { World } from '../../organism/world/world.js';
import { readRun, type Run } from '../../runs/read-run.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { writeZooPlan, type ZooPlanSettings } from './write-zoo-plan.js';
import type { ZooWorld } from './zoo-world.js';

/** The folder of all runs of a zoo. */
export function locateRuns(folder: string): string {
  return join(folder, 'runs');
}

/** The plan of an organism, with everything that it names. */
export function resolveZooPlan(
  zoo: ZooDefinition,
  settings: Omit<ZooPlanSettings, 'world'>,
  world: ZooWorld,
): Promise<ResolvedPlan> {
  const write = (organism: Organism): Promise<Plan> => writeZooPlan(zoo, { ...settings, world: organism });
  return resolvePlanOfZoo(zoo, settings.model, 'kinds.yaml', write, world);
}

/** A plan that a zoo writes for one model. Paths of the zoo's files are relative to its definition. */
export async function resolvePlanOfZoo(
  zoo: Pick<ZooDefinition, 'folder'>,
  model: WrittenModel,
  /** The file that it is written from, as errors name it. */
  source: string,
  write: (organism: Organism) => Promise<Plan>,
  { readWorld, openBase, environment, version }: ZooWorld,
): Promise<ResolvedPlan> {
  const reading = readWorld === undefined ? {} : { readWorld };
  // The same world as the plan's: what it asks is counted there.
  const readOwn = (): Promise<World> => readWorldOfBases([model], (path) => locateFrom(zoo.folder, path), zoo.folder);
  const plan = await write(openOrganism(readWorld ?? readOwn));
  return resolvePlan(plan, join(zoo.folder, source), { ...reading, openBase, environment, version });
}

export interface RunShown {
  /** Called with what is left before anything is trained; the function that it returns gets the events. */
  readonly onForecast: (forecast: RunForecast) => (event: RunEvent) => void;
}

/** Trains, asks and judges what the plan wants and no run of the folder has. Called again, it goes on where it was. */
export async function runOrganism(
  plan: ResolvedPlan,
  folder: string,
  world: ZooWorld,
  { onForecast }: RunShown,
): Promise<{ readonly run: Run; readonly summary: RunSummary }> {
  const { environment, fetch, signal, memory, ignoresMemory, threads, clock, cellsAtOnce, onNotice } = world;
  const runs = locateRuns(folder);
  const forecast = await forecastRun(runs, plan);
  const needs = await forecastMemory(plan, forecast, threads);
  if (!ignoresMemory) requireMemory(needs, { memory, threads });
  const stopping = signal === undefined ? {} : { signal };
  const chosen = await chooseCellsAtOnce(plan, {
    ...{ asked: cellsAtOnce, forecast, needs, memory, ignoresMemory, threads, clock },
    ...stopping,
  });
  const summary = await runPlan({
    ...{ plan, runs, cellsAtOnce: chosen, onNotice },
    judge: await plan.judge.open({ environment, fetch }),
    ...stopping,
    onEvent: onForecast(forecast),
  });
  return { run: await readRun(summary.folder), summary };
}
