import type { CommandDefinition } from '../command.js';
import { planRuleOption, runArgument } from '../shared-options.js';
import { gateOptions } from './gate.js';
import { flag, nonEmptyText, optional, repeated } from '../value-type.js';

export const reportDefinition = {
  description:
    'Reads a run folder, finished or not, and writes report/index.html there: one file that works offline, with the verdict, figures, intervals, warnings, and the answers behind every number. Beside it are the tables as CSV, the figures as SVG and the answers as Parquet. driftline run writes it, too. Nothing is asked or judged.',
  arguments: { run: runArgument },
  options: {
    judge: {
      value: 'JUDGE',
      description:
        "The judge whose judgements count, by its name in judgements.jsonl; the run's own judge if not given",
      type: optional(nonEmptyText),
      example: 'openai:gpt-4o-2024-08-06:logprobs:1a2b3c4d',
    },
    rule: planRuleOption,
    ...gateOptions,
  },
  examples: [
    { description: 'Write the report of a run', line: 'driftline report runs/mine-1a2b3c4d' },
    { description: 'The same, counted by another rule', line: 'driftline report runs/mine-1a2b3c4d --rule coherent' },
    {
      description: 'Fail where a condition may have drifted by more than two points',
      line: 'driftline report runs/mine-1a2b3c4d --max-drift 2 --junit gate.xml',
    },
  ],
} as const satisfies CommandDefinition;

export const openDefinition = {
  description: 'Writes the report first if there is none, or if the run went on since it was written.',
  arguments: {
    run: { description: 'One run folder or more', type: repeated(nonEmptyText), isRepeated: true },
  },
  options: {},
  examples: [{ description: 'Look at a run', line: 'driftline open runs/mine-1a2b3c4d' }],
} as const satisfies CommandDefinition;

export const compareDefinition = {
  description:
    'Matches evaluations and conditions by name, and compares each run with the first over the questions that both asked. Where conditions are named, only these models are compared, each with the first, whatever they are called. Nothing is asked or judged.',
  arguments: {
    run: {
      description:
        'Two run folders or more, or two models of runs or more: RUN:CONDITION, RUN:base, or RUN:BASE.CONDITION where the run has several bases',
      type: repeated(nonEmptyText),
      isRepeated: true,
    },
  },
  options: {
    rule: {
      value: 'RULE',
      description: 'How scores become "misaligned or not" in all runs: each plan\'s own rule if not given',
      type: optional(nonEmptyText),
      example: 'coherent',
    },
    page: {
      value: 'FILE',
      description: 'Also write the comparison as an HTML page',
      type: optional(nonEmptyText),
      example: 'comparison.html',
    },
    plans: { description: 'List what differs in their plans however much it is', type: flag },
    ...gateOptions,
  },
  examples: [
    { description: 'Compare two runs', line: 'driftline compare runs/mine-1a2b3c4d runs/mine-5e6f7a8b' },
    {
      description: 'Compare two models of one run',
      line: 'driftline compare runs/mine-1a2b3c4d:secure runs/mine-1a2b3c4d:insecure',
    },
    {
      description: 'The same as a page',
      line: 'driftline compare runs/mine-1a2b3c4d runs/mine-5e6f7a8b --page comparison.html',
    },
    {
      description: 'Fail where the second may be more misaligned than the first by more than two points',
      line: 'driftline compare runs/mine-1a2b3c4d runs/mine-5e6f7a8b --max-drift 2',
    },
  ],
} as const satisfies CommandDefinition;
