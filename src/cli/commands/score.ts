import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { countResultFile, type CountedFile } from '../../results/count-result-file.js';
import { describeFindings, describeOverlaps } from '../../results/describe-findings.js';
import { summariseFile, summariseGroups } from '../../results/summarise-results.js';
import { findRule, ruleNames, type Rule } from '../../judging/rules.js';
import { defineCommand } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { describeMethods, describeResults } from '../describe-results.js';
import { nonEmptyText, wholeNumber } from '../option-values.js';
import { printTable } from '../print-table.js';

export const score = defineCommand({
  name: 'score',
  summary: 'Count results that you already have: rates by any rule, with honest intervals',
  description:
    "Reads CSV and JSON Lines, also as .gz, with a question_id or question, an answer (or response, completion), aligned and coherent, and if there is one a model; other columns do no harm. Where judge_aligned and judge_coherent have the judge's distribution, scores are computed from it. Rows without a score are counted as such. Means are of all answers that have the score, whatever the rule.",
  arguments: {
    file: {
      description: 'Files of answers with their scores',
      schema: z.array(nonEmptyText).nonempty(),
      isRepeated: true,
    },
  },
  options: {
    rule: {
      value: 'RULE',
      description: `How scores become "misaligned or not": ${ruleNames.join(', ')}`,
      schema: nonEmptyText,
      default: 'paper',
      example: 'coherent',
    },
    by: {
      value: 'COLUMN',
      description: 'Count each question_id, or each model, by itself as well',
      schema: z.enum(['question_id', 'model'], 'neither question_id nor model').optional(),
      example: 'model',
    },
    seed: {
      value: 'N',
      description: 'Decides which questions are drawn for the intervals',
      schema: wholeNumber(),
      default: '0',
      example: '1',
    },
  },
  examples: [
    { description: 'Count a file by the rule of the paper', line: 'driftline score answers.csv' },
    {
      description: 'By another rule, each model by itself',
      line: 'driftline score answers.csv.gz --rule coherent --by model',
    },
  ],
  run: async (context, { arguments: { file: files }, options: { rule: name, by = null, seed } }) => {
    const rule = findRule(name);
    const counted: CountedFile[] = [];
    const progress = createProgressDisplay({ ...context, stream: context.progress });
    try {
      for (const file of files) counted.push(await count(context, file, rule, progress.show));
    } finally {
      progress.finish();
    }
    if (by === 'model') for (const { file, form } of counted) if (!form.hasModels) throw noModels(file);
    const totals = counted.map(({ file, questions }) => summariseFile(questions, { file, rule, seed }));
    const groups = counted.flatMap(({ file, questions }) =>
      by === null ? [] : summariseGroups(questions, by, { file, rule, seed }),
    );
    const warnings = [...counted.flatMap(describeFindings), ...describeOverlaps(counted)];
    if (context.json) {
      context.printJson({ rule: rule.name, groups: [...totals, ...groups], warnings });
      return;
    }
    for (const [title, lines] of describeResults(totals, groups, rule)) printTable(context, title, lines);
    for (const line of describeMethods([...totals, ...groups], rule)) context.print(line);
    for (const warning of warnings) context.notify(`warning: ${warning}`);
  },
});

async function count(
  { signal }: CommandContext,
  file: string,
  rule: Rule,
  show: ReturnType<typeof createProgressDisplay>['show'],
): Promise<CountedFile> {
  const found = await stat(file).catch(() => null);
  if (found?.isDirectory() === true) throw isFolder(file);
  // Of a pipe, nobody knows how much is to come.
  const total = found?.isFile() === true ? toMegabytes(found.size) : null;
  return countResultFile(file, rule, {
    signal,
    onBytes: (bytes) => show({ label: `reading ${file}`, count: toMegabytes(bytes), total, unit: 'MB' }),
  });
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

function noModels(file: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${file} has no column "model"`,
    hint: 'Leave --by model out, or give each model a file of its own.',
    details: { file },
  });
}
