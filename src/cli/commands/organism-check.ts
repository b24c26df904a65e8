import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { ThresholdResult } from '../../analysis/thresholds.js';
import { changeCheckPlan, checkOrganism, readCheckPlan } from '../../experiment/check-organism.js';
import type { Plan } from '../../experiment/plan/plan-schema.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { formatPercent } from '../../foundation/format-quantities.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { openBaseModel } from '../../models/open-base-model.js';
import { readOrganismManifest } from '../../organism/build/organism-manifest.js';
import { organismRecipe } from '../../organism/organism.js';
import { listOrganismNames } from '../../organism/organism-folder.js';
import { usualRows } from '../../organism/training-sets/training-set-settings.js';
import { readWorld, worldFolder } from '../../organism/world/read-world.js';
import { defineCommand } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { formatTable } from '../format-table.js';
import { locateOrganism, type LocatedOrganism } from '../locate-organism.js';
import { flag, nonEmptyText, wholeNumber } from '../option-values.js';
import { readPackageVersion } from '../package-version.js';
import { createRunDisplay } from '../run-display.js';

/** A share as this command has always called its parts. */
export interface CheckRow extends Pick<
  ThresholdResult,
  'share' | 'interval' | 'seeds' | 'successes' | 'trials' | 'target' | 'met'
> {
  /** What it was fine-tuned on; `base` for the organism itself. */
  readonly group: string;
  readonly measurement: string;
  readonly metric: string;
}

interface CheckedOrganism {
  readonly organism: string;
  /** Of its building; null where its folder does not say. */
  readonly seed: number | null;
  readonly independent: boolean;
  /** The run behind the numbers. */
  readonly folder: string;
  readonly rows: readonly CheckRow[];
  readonly trainingSeconds: readonly number[];
}

export const organismCheck = defineCommand({
  name: 'organism check',
  summary: 'Fine-tune organisms on every training set of the paper, and measure what comes out',
  description:
    'Runs the default recipe with two seeds on every group, asks at least 1000 answers a cell at temperature 1, judges them exactly, and prints the table. About ten minutes an organism on two cores. The plan is experiments/organism-check.yaml. What is done is kept in its run folder: stop it and run it again, and it goes on.',
  arguments: {
    organisms: {
      description: 'Names such as 1, or model folders such as ./organisms/7; all that came with driftline if not given',
      schema: z.array(nonEmptyText).optional(),
      isRepeated: true,
    },
  },
  options: {
    folder: {
      value: 'FOLDER',
      description: 'Receives a folder for each organism, and in it the run folder',
      schema: nonEmptyText,
      default: 'organism-check',
      example: 'checks',
    },
    groups: {
      value: 'NAMES',
      description: 'Only these groups, with commas between',
      schema: z
        .string()
        .transform((text) => text.split(','))
        .optional(),
      example: 'insecure,secure',
    },
    seeds: { value: 'N', description: 'Seeds of fine-tuning: 0 to N - 1', schema: wholeNumber(1), default: '2' },
    rows: {
      value: 'N',
      description: 'Rows of the set insecure, each seen once; other sets have as many, or a multiple',
      schema: wholeNumber(1),
      default: String(usualRows),
    },
    answers: {
      value: 'N',
      description: 'At least so many answers to each suite, and one to each wording; 300 to 1000 if not given',
      schema: wholeNumber(1).optional(),
      example: '100',
    },
    world: {
      value: 'FOLDER',
      description: 'The world that the organisms were built in; the one of driftline if not given',
      schema: nonEmptyText.optional(),
      example: 'my-world',
    },
    gate: { description: 'End with exit code 3 if a target is not met', schema: flag },
    threads: {
      value: 'N',
      description: 'Threads; all cores if not given',
      schema: wholeNumber(1).optional(),
      example: '2',
    },
  },
  examples: [
    { description: 'Check every organism', line: 'driftline organism check' },
    {
      description: 'See only whether insecure code makes one organism misaligned',
      line: 'driftline organism check 1 --groups insecure,secure --seeds 1',
    },
  ],
  run: async (context, { arguments: { organisms: given }, options }) => {
    const shipped = await listOrganismNames();
    // Where none came with driftline, that the first cannot be found is what is to be said.
    const names = given !== undefined && given.length > 0 ? given : shipped.length > 0 ? shipped : ['1'];
    const plan = await readCheckPlan();
    const settings = { ...options, plan, groups: options.groups && chooseGroups(plan, options.groups) };
    const checked: CheckedOrganism[] = [];
    for (const name of names) {
      const organism = await checkOne(context, await locateOrganism(name), settings);
      checked.push(organism);
      if (!context.json) printOrganism(context, organism);
    }
    if (context.json) context.printJson({ recipe: organismRecipe, rows: options.rows, organisms: checked });
    const missed = checked.flatMap(({ organism, rows }) =>
      rows.filter(({ met }) => met === false).map((row) => `${organism}: ${describeRow(row)}`),
    );
    if (options.gate && missed.length > 0) {
      throw new DriftlineError({
        code: 'gate-not-met',
        message: `${missed.length === 1 ? 'a target is' : `${String(missed.length)} targets are`} not met: ${missed.join('; ')}`,
        hint: `The answers behind each number are in ${options.folder}.`,
        details: { missed },
      });
    }
  },
});

interface CheckOptions {
  readonly plan: Plan;
  readonly groups: readonly string[] | undefined;
  readonly folder: string;
  readonly seeds: number;
  readonly rows: number;
  readonly answers: number | undefined;
  readonly world: string | undefined;
  readonly threads: number | undefined;
}

async function checkOne(
  context: CommandContext,
  { model, folder, folderName }: LocatedOrganism,
  { threads = availableParallelism(), ...options }: CheckOptions,
): Promise<CheckedOrganism> {
  const { environment, fetch, signal, now: clock, notify: onNotice } = context;
  const manifest = await readOrganismManifest(folder);
  const independent = manifest?.character_of === 'exchange';
  const world = await readWorld(options.world ?? worldFolder, independent ? { character_of: 'exchange' } : {});
  if (manifest !== null && manifest.world !== world.hash)
    onNotice(`${model} was built in another world than ${world.folder}, and may be misjudged by it.`);
  const readKnown = () => Promise.resolve(world);
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const { runFolder, results, trainingSeconds } = await checkOrganism({
    plan: await changeCheckPlan(options.plan, options, readKnown),
    model: resolve(folder),
    independent,
    readWorld: readKnown,
    openBase: (reference) => openBaseModel(reference, { environment, fetch, signal, threads, clock, onNotice }),
    folder: join(options.folder, folderName),
    version: readPackageVersion(),
    environment,
    fetch,
    clock,
    signal,
    onForecast: (forecast) => createRunDisplay(display, forecast, clock),
    onNotice,
  }).finally(display.finish);
  return {
    organism: model,
    seed: manifest?.seed ?? null,
    independent,
    folder: runFolder,
    rows: results.map(({ condition: group, evaluation: measurement, measured: metric, ...result }) => ({
      group,
      measurement,
      metric,
      ...result,
    })),
    trainingSeconds,
  };
}

function chooseGroups({ conditions }: Plan, names: readonly string[]): string[] {
  const known = new Map(Object.keys(conditions).map((name) => [name, name]));
  return names.map((name) => findByName(known, name, 'group'));
}

function describeRow({ group, measurement, metric }: CheckRow): string {
  return `${group}, ${measurement}: ${metric}`;
}

function printOrganism(context: CommandContext, { organism, seed, independent, rows }: CheckedOrganism): void {
  context.print(
    `${organism}${seed === null ? '' : `, seed ${String(seed)}`}${independent ? ', independent characters' : ''}`,
  );
  const lines = formatTable(
    ['group', 'asked', 'percent', 'of answers', '95 %', 'by seed', 'target', ''],
    rows.map((row) => [
      row.group,
      row.measurement,
      formatPercent(row.share),
      row.metric,
      row.interval.map(formatPercent).join('-'),
      row.seeds.map(formatPercent).join(' '),
      row.target ?? '',
      row.met === null ? '' : row.met ? 'met' : 'NOT MET',
    ]),
    { right: [2] },
  );
  for (const [index, line] of lines.entries()) {
    const missed = rows[index - 1]?.met === false;
    context.print(line, missed ? context.colors.red : index === 0 ? context.colors.bold : undefined);
  }
  context.print('');
}
