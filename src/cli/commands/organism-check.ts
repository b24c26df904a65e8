import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { showTrainingStep } from '../../engine/engine-progress.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { readOrganismManifest } from '../../organism/build/organism-manifest.js';
import type { CheckCell } from '../../organism/check/checked-cell.js';
import { checkOrganism } from '../../organism/check/check-organism.js';
import type { Measurement } from '../../organism/check/measurement.js';
import { baseMeasurements, organismGroups, organismRecipe } from '../../organism/check/organism-groups.js';
import { summariseCheck, type CheckRow } from '../../organism/check/summarise-check.js';
import { listOrganismNames } from '../../organism/organism-folder.js';
import { readWorld, worldFolder } from '../../organism/world/read-world.js';
import { formatPercent } from '../../foundation/format-quantities.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { organismCheckDefinition } from '../definitions/organism.js';
import { formatTable } from '../format-table.js';
import { locateOrganism, type LocatedOrganism } from '../locate-organism.js';

interface CheckedOrganism {
  readonly organism: string;
  /** Of its building; null where its folder does not say. */
  readonly seed: number | null;
  readonly independent: boolean;
  readonly rows: readonly CheckRow[];
  readonly trainingSeconds: readonly number[];
}

export const organismCheck: CommandAction<typeof organismCheckDefinition> = {
  run: async (context, { arguments: { organisms: given }, options }) => {
    const shipped = await listOrganismNames();
    // Where none came with driftline, that the first cannot be found is what is to be said.
    const names = given !== undefined && given.length > 0 ? given : shipped.length > 0 ? shipped : ['1'];
    const settings = { ...options, groups: chooseGroups(options.groups) };
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
};

interface CheckOptions {
  readonly groups: typeof organismGroups;
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
  options: CheckOptions,
): Promise<CheckedOrganism> {
  const { rows, answers, threads = availableParallelism() } = options;
  const manifest = await readOrganismManifest(folder);
  const independent = manifest?.character_of === 'exchange';
  const world = await readWorld(options.world ?? worldFolder, independent ? { character_of: 'exchange' } : {});
  if (manifest !== null && manifest.world !== world.hash)
    context.notify(`${model} was built in another world than ${world.folder}, and may be misjudged by it.`);
  const withAnswers = (measurements: readonly Measurement[]): readonly Measurement[] =>
    answers === undefined ? measurements : measurements.map((measurement) => ({ ...measurement, answers }));
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const nameOf = ({ group, seed }: CheckCell): string => `${model} ${group}${seed === null ? '' : ` ${String(seed)}`}`;
  const cells = await checkOrganism({
    world,
    model: folder,
    folder: join(options.folder, folderName),
    recipe: organismRecipe,
    seeds: Array.from({ length: options.seeds }, (_, seed) => seed),
    groups: options.groups.map((group) => ({ ...group, measurements: withAnswers(group.measurements) })),
    base: withAnswers(baseMeasurements),
    rows,
    threads,
    clock: context.now,
    signal: context.signal,
    onStep: (cell, event) => {
      showTrainingStep(display, `training ${nameOf(cell)}`, event);
    },
    onAnswer: (cell, count, total) => {
      display.show({ label: `asking ${nameOf(cell)}`, total, unit: 'answers', count });
    },
  }).finally(display.finish);
  return {
    organism: model,
    seed: manifest?.seed ?? null,
    independent,
    rows: summariseCheck(cells, { independent }),
    trainingSeconds: cells.flatMap(({ trainingSeconds }) => trainingSeconds ?? []),
  };
}

function chooseGroups(names: readonly string[] | undefined): typeof organismGroups {
  if (names === undefined) return organismGroups;
  const known = new Map(organismGroups.map((group) => [group.name, group]));
  return [...new Set(names)].map((name) => findByName(known, name, 'group'));
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
