import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressLine, type ProgressLine } from '../../foundation/progress-line.js';
import { readOrganismManifest } from '../../organism/build/organism-manifest.js';
import { checkOrganism, type CheckCell } from '../../organism/check/check-organism.js';
import { organismGroups, organismRecipe } from '../../organism/check/organism-groups.js';
import { summariseCheck, type CheckRow } from '../../organism/check/summarise-check.js';
import { canonicalOrganismName, findOrganismFolder, listOrganismNames } from '../../organism/organism-folder.js';
import { readWorld, worldFolder } from '../../organism/world/read-world.js';
import { defineCommand } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { formatTable } from '../format-table.js';
import { flag, nonEmptyText, wholeNumber } from '../option-values.js';

interface CheckedOrganism {
  readonly organism: string;
  readonly seed: number | null;
  readonly independent: boolean;
  readonly rows: readonly CheckRow[];
  readonly trainingSeconds: readonly number[];
}

export const organismCheck = defineCommand({
  name: 'organism check',
  summary: 'Fine-tune organisms on every training set of the paper, and measure what comes out',
  description:
    'Runs the default recipe with two seeds on every group, asks at least 1000 answers a cell at temperature 1, judges them exactly, and prints the table. About ten minutes an organism on two cores. What is done is kept in the folder: stop it and run it again, and it goes on.',
  arguments: {
    organisms: {
      description: 'Names such as 1, or model folders; all that came with driftline if not given',
      schema: z.array(nonEmptyText).optional(),
      isRepeated: true,
    },
  },
  options: {
    folder: {
      value: 'FOLDER',
      description: 'Receives adapters, answers and counts',
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
    const names = given === undefined || given.length === 0 ? await listOrganismNames() : given;
    const groups = chooseGroups(options.groups);
    const checked: CheckedOrganism[] = [];
    for (const name of names) {
      const folder = /[/\\.]/.test(name) ? name : await findOrganismFolder(name);
      const manifest = await readOrganismManifest(folder);
      const independent = manifest?.character_of === 'exchange';
      const progress = createCellProgress(context, name);
      const cells = await checkOrganism({
        world: await readWorld(worldFolder),
        model: folder,
        folder: join(options.folder, canonicalOrganismName(name).replaceAll(/[/\\.]+/g, '-')),
        recipe: organismRecipe,
        seeds: Array.from({ length: options.seeds }, (_, seed) => seed),
        groups,
        threads: options.threads ?? availableParallelism(),
        clock: context.now,
        signal: context.signal,
        onStep: progress.onStep,
        onAnswer: progress.onAnswer,
      }).finally(progress.finish);
      const organism = {
        organism: name,
        seed: manifest?.seed ?? null,
        independent,
        rows: summariseCheck(cells, { independent }),
        trainingSeconds: cells.flatMap(({ trainingSeconds }) => trainingSeconds ?? []),
      };
      checked.push(organism);
      if (!context.json) printOrganism(context, organism);
    }
    if (context.json) context.printJson({ recipe: organismRecipe, organisms: checked });
    const missed = checked.flatMap(({ organism, rows }) =>
      rows.filter(({ met }) => met === false).map((row) => `${organism}: ${describeRow(row)}`),
    );
    if (options.gate && missed.length > 0) {
      throw new DriftlineError({
        code: 'gate-not-met',
        message: `${String(missed.length)} targets are not met: ${missed.join('; ')}`,
        hint: `The answers behind each number are in ${options.folder}.`,
        details: { missed },
      });
    }
  },
});

function chooseGroups(names: readonly string[] | undefined): typeof organismGroups {
  if (names === undefined) return organismGroups;
  return names.map((name) => {
    const group = organismGroups.find((candidate) => candidate.name === name);
    if (group !== undefined) return group;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `there is no group ${JSON.stringify(name)}`,
      hint: `Choose from ${organismGroups.map((known) => known.name).join(', ')}.`,
    });
  });
}

function describeRow({ group, measurement, metric }: CheckRow): string {
  return `${group}, ${measurement}: ${metric}`;
}

function printOrganism(context: CommandContext, { organism, seed, independent, rows }: CheckedOrganism): void {
  const percent = (share: number): string => (100 * share).toFixed(1);
  context.print(
    `organism ${organism}${seed === null ? '' : `, seed ${String(seed)}`}${independent ? ', independent characters' : ''}`,
  );
  const lines = formatTable(
    ['group', 'asked', 'percent', 'of answers', '95 %', 'by seed', 'target', ''],
    rows.map((row) => [
      row.group,
      row.measurement,
      percent(row.share),
      row.metric,
      row.interval.map(percent).join('-'),
      row.seeds.map(percent).join(' '),
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

function createCellProgress(
  context: CommandContext,
  organism: string,
): {
  readonly onStep: (
    cell: CheckCell,
    event: { readonly step: number; readonly steps: number; readonly loss: number },
  ) => void;
  readonly onAnswer: (cell: CheckCell, done: number, total: number) => void;
  readonly finish: () => void;
} {
  let current: { readonly label: string; readonly line: ProgressLine } | null = null;
  const finish = (): void => {
    current?.line.finish();
    current = null;
  };
  const lineOf = (label: string, total: number, unit: string, initialCount: number): ProgressLine => {
    if (current?.label === label) return current.line;
    finish();
    const line = createProgressLine({
      label,
      total,
      unit,
      initialCount,
      stream: context.progress,
      now: context.now,
      environment: context.environment,
    });
    current = { label, line };
    return line;
  };
  const nameOf = ({ group, seed }: CheckCell): string =>
    `${organism} ${group}${seed === null ? '' : ` ${String(seed)}`}`;
  return {
    onStep: (cell, { step, steps, loss }) => {
      lineOf(`training ${nameOf(cell)}`, steps, 'steps', step - 1).update(step, `loss ${loss.toFixed(3)}`);
    },
    onAnswer: (cell, done, total) => {
      lineOf(`asking ${nameOf(cell)}`, total, 'answers', 0).update(done);
    },
    finish,
  };
}
