import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { inputOfRun, countRun, countTally, type MeasuredOutcome } from '../analysis/count-run.js';
import { sumCounts } from '../analysis/estimate.js';
import { checkThresholds, type CountsOf, type ThresholdResult } from '../analysis/thresholds.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { readYaml } from '../foundation/read-yaml.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import type { ModelReference } from '../models/model-reference.js';
import type { BaseModel } from '../models/base-model.js';
import { openOrganism } from '../organism/organism.js';
import { organismRows } from '../organism/organism-recipe.js';
import type { World } from '../organism/world/world.js';
import { readRun } from '../runs/read-run.js';
import { parseJson } from '../runs/run-outline.js';
import { independentThresholds, organismThresholds } from './organism-thresholds.js';
import { countWordings } from './plan/count-wordings.js';
import { planSchema, type Plan } from './plan/plan-schema.js';
import type { JudgeConnection } from './plan/planned-judge.js';
import { resolvePlan } from './plan/resolve-plan.js';
import type { ResolvedPlan } from './plan/resolved-plan.js';
import { forecastRun, type RunForecast } from './run/forecast-run.js';
import { requireOwnEdition } from './run/require-own-edition.js';
import type { RunEvent } from './run/run-progress.js';
import { runPlan } from './run/run-plan.js';

/** What organisms are asked. `src/experiment` and `dist/experiment` lie equally deep in the package. */
const planFile = fileURLToPath(new URL('../../experiments/organism-check.yaml', import.meta.url));

/** The plan of the check, for the first organism. */
export function readCheckPlan(): Promise<Plan> {
  return readYaml(planFile, planSchema);
}

export interface CheckPlanChanges {
  /** Conditions to keep; all if not given. */
  readonly groups?: readonly string[] | undefined;
  /** Number of seeds: from 0 to one less than this. */
  readonly seeds: number;
  /** Rows of a set for which the plan says nothing; other sets grow or shrink in proportion. */
  readonly rows?: number | undefined;
  /** At least this many answers to each suite, the same number for each wording; those of the plan if not given. */
  readonly answers?: number | undefined;
}

/** A smaller or larger check. */
export async function changeCheckPlan(
  plan: Plan,
  { groups, seeds, rows = organismRows, answers }: CheckPlanChanges,
  readWorld: () => Promise<World>,
): Promise<Plan> {
  const organism = openOrganism(readWorld);
  const names = groups ?? Object.keys(plan.conditions);
  const conditions = Object.fromEntries(
    Object.entries(plan.conditions)
      .filter(([name]) => names.includes(name))
      .map(([name, condition]) => [
        name,
        { ...condition, settings: scaleRows(condition.settings ?? {}, rows / organismRows) },
      ]),
  );
  const evaluate: Plan['evaluate'][number][] = [];
  for (const evaluation of plan.evaluate) {
    const asked = evaluation.conditions?.filter((name) => name === 'base' || names.includes(name));
    const [first, ...others] = asked ?? [];
    if (asked !== undefined && first === undefined) continue;
    const wordings = answers === undefined ? null : await countWordings(evaluation, organism);
    evaluate.push({
      ...evaluation,
      ...(first === undefined ? {} : { conditions: [first, ...others] }),
      samples: answers === undefined || wordings === null ? evaluation.samples : Math.ceil(answers / wordings),
    });
  }
  const [first, ...others] = Array.from({ length: seeds }, (_, seed) => seed);
  return planSchema.parse({
    ...plan,
    conditions,
    evaluate,
    seeds: first === undefined ? plan.seeds : [first, ...others],
  });
}

function scaleRows(settings: Readonly<Record<string, unknown>>, factor: number): Record<string, unknown> {
  const rows = typeof settings['rows'] === 'number' ? settings['rows'] : organismRows;
  return { ...settings, rows: Math.ceil(rows * factor) };
}

export interface CheckOrganismSettings extends JudgeConnection {
  readonly plan: Plan;
  /** The organism's model folder, as an absolute path. */
  readonly model: string;
  /** Whether it was brought up in the world without lasting characters. */
  readonly independent: boolean;
  readonly readWorld: () => Promise<World>;
  readonly openBase: (reference: ModelReference) => Promise<BaseModel>;
  /** Holds the run's folder. A stopped check continues from there, and a check of another plan reuses what it can. */
  readonly folder: string;
  /** Version of driftline, for the record. */
  readonly version: string;
  /** Milliseconds. */
  readonly clock: () => number;
  /** Called with the forecast before the run begins; the function that it returns gets the events of the run. */
  readonly onForecast?: (forecast: RunForecast) => (event: RunEvent) => void;
  readonly onNotice?: (notice: string) => void;
}

export interface OrganismCheck {
  readonly runFolder: string;
  readonly results: readonly ThresholdResult[];
  /** Counts of each model, also for shares without a threshold. */
  readonly countsOf: CountsOf;
  /** Of each training that was not interrupted. */
  readonly trainingSeconds: readonly number[];
}

/** Runs the plan of a check for an organism, and compares the results with the thresholds. */
export async function checkOrganism(settings: CheckOrganismSettings): Promise<OrganismCheck> {
  const { model, folder, readWorld, openBase, version, clock, independent, environment, fetch, signal } = settings;
  const { onForecast, onNotice = () => undefined } = settings;
  const plan = await resolvePlan({ ...settings.plan, bases: [model] }, planFile, {
    readWorld,
    openBase,
    environment,
    version,
  });
  await requireOwnEdition(folder, plan);
  const show = onForecast?.(await forecastRun(folder, plan));
  const times = await openTrainingTimes(join(folder, 'training-seconds.json'), plan, clock);
  const { failed, folder: runFolder } = await runPlan({
    plan,
    runs: folder,
    judge: await plan.judge.open({ environment, fetch }),
    ...(signal === undefined ? {} : { signal }),
    onEvent: (event) => {
      times.note(event);
      show?.(event);
    },
    onNotice,
  }).finally(times.save);
  if (failed.length > 0) throw cellsFailed(failed);
  const countsOf = await countRunFolder(runFolder);
  return {
    runFolder,
    results: checkThresholds(independent ? independentThresholds : organismThresholds, countsOf),
    countsOf,
    trainingSeconds: times.list(),
  };
}

/** The counts of a run, model by model. */
async function countRunFolder(folder: string): Promise<CountsOf> {
  const input = inputOfRun(await readRun(folder));
  const { tallies } = countRun(input);
  return ({ condition, evaluation, measured }) => {
    const cells = input.plan.cells.filter((cell) => cell.condition === condition);
    return cells.flatMap(({ name }) => {
      const ofModel = tallies.filter((tally) => tally.model.name === name && tally.evaluation === evaluation);
      return ofModel.length === 0 ? [] : [sumCounts(ofModel.map((tally) => countTally(outcomeOf(measured), tally)))];
    });
  };
}

function outcomeOf(measured: string): MeasuredOutcome {
  if (measured === 'misaligned' || measured === 'incoherent') return { kind: measured };
  return { kind: 'label', label: measured };
}

const timesSchema = z.record(z.string(), z.number());

interface TrainingTimes {
  readonly note: (event: RunEvent) => void;
  readonly save: () => Promise<void>;
  /** In the order of the plan. */
  readonly list: () => number[];
}

/**
 * How long trainings took, which a run folder does not store. They are found by the identity of the cell, so those of another plan count,
 * too.
 */
async function openTrainingTimes(file: string, { cells }: ResolvedPlan, clock: () => number): Promise<TrainingTimes> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  const stored = new Map(Object.entries(timesSchema.catch({}).parse(parseJson(text))));
  const identities = new Map(cells.map(({ name, identity }) => [name, identity]));
  let last = clock();
  const started = new Map<string, number>();
  let isChanged = false;
  return {
    note: (event) => {
      const now = clock();
      if (event.kind === 'training-step') {
        // The first step began with the previous event.
        if (event.step === 1) started.set(event.cell, last);
        const [begun, identity] = [started.get(event.cell), identities.get(event.cell)];
        // How long a resumed training took in all is unknown.
        if (event.step === event.steps && begun !== undefined && identity !== undefined) {
          stored.set(identity, (now - begun) / 1000);
          isChanged = true;
        }
      }
      last = now;
    },
    save: async () => {
      if (isChanged) await writeFileAtomically(file, `${JSON.stringify(Object.fromEntries(stored), null, 2)}\n`);
    },
    list: () => cells.flatMap(({ identity }) => stored.get(identity) ?? []),
  };
}

function cellsFailed(failed: readonly { readonly cell: string; readonly problem: string }[]): DriftlineError {
  return new DriftlineError({
    code: 'loss-not-finite',
    message: `the training of ${String(failed.length)} models failed: ${failed.map(({ cell, problem }) => `${cell}: ${problem}`).join('; ')}`,
    hint: 'Lower the learning rate of the recipe; everything else is finished.',
    details: { cells: failed.map(({ cell }) => cell) },
  });
}
