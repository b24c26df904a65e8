import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { ThresholdResult } from '../../analysis/thresholds.js';
import { changeCheckPlan, checkOrganism, readCheckPlan } from '../../experiment/check-organism.js';
import type { Plan } from '../../experiment/plan/plan-schema.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { formatPercent } from '../../foundation/format-quantities.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { openBaseModel } from '../../models/open-base-model.js';
import {
  editionOf,
  isOfWorld,
  readOrganismManifest,
  type OrganismManifest,
} from '../../organism/build/organism-manifest.js';
import { organismRecipe } from '../../organism/organism-recipe.js';
import { listOrganismNames } from '../../organism/organism-folder.js';
import { currentEdition, worldFolder } from '../../organism/world/editions.js';
import { editionRetired } from '../../organism/world/first-edition.js';
import { readWorld } from '../../organism/world/read-world.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { organismCheckDefinition } from '../definitions/organism.js';
import { formatTable } from '../format-table.js';
import { locateOrganism, type LocatedOrganism } from '../locate-organism.js';
import { readPackageVersion } from '../../foundation/package-version.js';
import { createRunDisplay } from '../run-display.js';

/** A share as this command has always called its parts. */
export interface CheckRow extends Pick<
  ThresholdResult,
  'share' | 'interval' | 'seeds' | 'successes' | 'trials' | 'target' | 'met' | 'inHalf'
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

export const organismCheck: CommandAction<typeof organismCheckDefinition> = {
  run: async (context, { arguments: { organisms: given }, options }) => {
    const shipped = await listOrganismNames();
    // Where none came with driftline, that the first cannot be found is what is to be said.
    const names = given !== undefined && given.length > 0 ? given : shipped.length > 0 ? shipped : ['1'];
    const organisms: OrganismToCheck[] = [];
    for (const name of names) organisms.push(await openToCheck(name, options.world));
    const plan = await readCheckPlan();
    const settings = { ...options, plan, groups: options.groups && chooseGroups(plan, options.groups) };
    const checked: CheckedOrganism[] = [];
    for (const organism of organisms) {
      const done = await checkOne(context, organism, settings);
      checked.push(done);
      if (!context.json) printOrganism(context, done);
    }
    if (context.json)
      context.printJson({
        recipe: typeof plan.recipe === 'string' ? organismRecipe : plan.recipe,
        rows: options.rows,
        organisms: checked,
      });
    const missed = listMissed(checked);
    if (options.gate && missed.length > 0) {
      throw new DriftlineError({
        code: 'gate-not-met',
        message: `${missed.length === 1 ? 'a target is' : `${String(missed.length)} targets are`} not met: ${missed.join('; ')}`,
        hint: `The answers behind each number are in ${options.folder}.`,
        details: { missed },
      });
    }
  },
};

interface OrganismToCheck extends LocatedOrganism {
  readonly manifest: OrganismManifest | null;
}

/** The edition is that of its building; where its folder does not say, that of the world that was named. */
async function openToCheck(name: string, world: string | undefined): Promise<OrganismToCheck> {
  const located = await locateOrganism(name);
  const manifest = await readOrganismManifest(located.folder);
  const isOf = manifest === null ? (await readWorld(world)).edition : editionOf(manifest);
  // The first has not all of the sets and questions, and its organisms showed something else.
  if (isOf < currentEdition)
    throw editionRetired(`${located.model} is of the first edition, and the check is for organisms of today's`, {
      wanted: 'checks it',
      instead: 'a plan with this organism as its base trains and asks it',
      details: { model: located.model, edition: isOf },
    });
  return { ...located, manifest };
}

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
  { model, folder, folderName, manifest }: OrganismToCheck,
  { threads = availableParallelism(), ...options }: CheckOptions,
): Promise<CheckedOrganism> {
  const { environment, fetch, signal, now: clock, notify: onNotice } = context;
  const independent = manifest?.character_of === 'exchange';
  const world = await readWorld(options.world ?? worldFolder, independent ? { character_of: 'exchange' } : {});
  if (manifest !== null && !isOfWorld(manifest, world))
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

/** The targets that are not met. One that half of the organisms have to meet counts as missed only if fewer do. */
export function listMissed(checked: readonly Pick<CheckedOrganism, 'organism' | 'rows'>[]): string[] {
  const isMetByHalf = (row: CheckRow): boolean => {
    const found = checked.flatMap(({ rows }) => rows.filter((other) => describeRow(other) === describeRow(row)));
    const held = found.filter(({ met }) => met !== null);
    return 2 * held.filter(({ met }) => met).length >= held.length;
  };
  return checked.flatMap(({ organism, rows }) =>
    rows
      .filter((row) => row.met === false && !(row.inHalf && isMetByHalf(row)))
      .map((row) => `${organism}: ${describeRow(row)}`),
  );
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
