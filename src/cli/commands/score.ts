import { stat } from 'node:fs/promises';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { countResultFile, type CountedFile } from '../../results/count-result-file.js';
import { gateResults, type GatedAnswers } from '../../results/gate-results.js';
import { describeScale, ruleScale, type ScoreScale } from '../../results/score-scale.js';
import { summariseFiles } from '../../results/summarise-files.js';
import { groupTallies } from '../../results/summarise-results.js';
import { findRule, type Rule } from '../../judging/rules.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { scoreDefinition } from '../definitions/scores.js';
import { describeMethods, describeResults } from '../describe-results.js';
import { concludeResultGate } from '../decide-result-gate.js';
import { printTable } from '../format-table.js';
import { withJunit, type WriteJunit } from '../junit.js';

export const score: CommandAction<typeof scoreDefinition> = {
  run: (context, { arguments: { file: files }, options }) =>
    withJunit(
      options.junit,
      files.map((file) => ['a file of results', file] as const),
      (writeJunit) => scoreGated(context, files, options, writeJunit),
    ),
};

type Options = Parameters<CommandAction<typeof scoreDefinition>['run']>[1]['options'];

async function scoreGated(
  context: CommandContext,
  files: readonly string[],
  { rule: name, by: grouping, against, seed, scale, population, junit, 'max-share': limit }: Options,
  writeJunit: WriteJunit,
): Promise<void> {
  const [rule, by] = [findRule(name), grouping ?? null];
  const misplaced = population !== undefined ? '--population' : junit !== undefined ? '--junit' : null;
  if (limit === undefined && misplaced !== null) throw limitMissing(misplaced);
  if (against !== undefined && by !== 'model') throw nothingToCompare(against);
  const counted: CountedFile[] = [];
  const progress = createProgressDisplay({ ...context, stream: context.progress });
  try {
    for (const file of files) counted.push(await count(context, file, { rule, scale, show: progress.show }));
  } finally {
    progress.finish();
  }
  const summary = summariseFiles(counted, { rule, by, against, seed });
  const { groups, comparisons, warnings } = summary;
  const gate =
    limit === undefined
      ? null
      : gateResults(listGatedAnswers(counted), {
          ...{ limit: limit / 100, population: population ?? 'questions-like-these', rule },
        });
  if (context.json) {
    context.printJson({ ...summary, gate });
  } else {
    for (const [title, lines] of describeResults(groups, rule, comparisons)) printTable(context, title, lines);
    if (scale !== undefined && scale.join('-') !== ruleScale.join('-')) context.print(describeRescaling(scale));
    for (const line of describeMethods(groups, rule, comparisons)) context.print(line);
    for (const warning of warnings) context.notify(`warning: ${warning}`);
  }
  if (gate !== null) await concludeResultGate(context, gate, writeJunit, rule.name);
}

/** What has a share of its own to be held against a limit: each file, or each of its models where it has several. */
function listGatedAnswers(counted: readonly CountedFile[]): GatedAnswers[] {
  return counted.flatMap(({ file, questions }): GatedAnswers[] => {
    const models = groupTallies(questions, 'model');
    if (models.size < 2) return [{ file, model: null, tallies: questions }];
    return [...models].map(([model, tallies]) => ({ file, model, tallies }));
  });
}

function limitMissing(option: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${option} is for a limit, and there is none`,
    hint: 'Say what share is tolerated, too: --max-share 2 for two percent.',
  });
}

async function count(
  { signal }: CommandContext,
  file: string,
  {
    rule,
    scale,
    show,
  }: {
    readonly rule: Rule;
    readonly scale: ScoreScale | undefined;
    readonly show: ReturnType<typeof createProgressDisplay>['show'];
  },
): Promise<CountedFile> {
  const found = await stat(file).catch(() => null);
  if (found?.isDirectory() === true) throw isFolder(file);
  // Of a pipe, nobody knows how much is to come.
  const total = found?.isFile() === true ? toMegabytes(found.size) : null;
  return countResultFile(file, rule, {
    signal,
    ...(scale === undefined ? {} : { scale }),
    onBytes: (bytes) => show({ label: `reading ${file}`, count: toMegabytes(bytes), total, unit: 'MB' }),
  });
}

function describeRescaling(scale: ScoreScale): string {
  const [low, high] = scale;
  return `Scores are read as ${describeScale(scale)} and counted on 0 to 100: ${String(low)} is 0, ${String(high)} is 100, and what lies between is spaced evenly.`;
}

function toMegabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}

function isFolder(file: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${file} is a folder`,
    hint: `Name files of results. If it is a run of driftline's, driftline rejudge ${file} counts its judgements by a rule.`,
    details: { file },
  });
}

function nothingToCompare(against: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `--against ${against} needs --by model`,
    hint: 'Models are compared where each is counted by itself.',
  });
}
