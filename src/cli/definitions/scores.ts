import type { CommandDefinition } from '../command.js';
import { languageModes } from '../../judging/judge.js';
import { ruleNames } from '../../judging/rules.js';
import { openJudge } from '../../models/services/retirements.js';
import { batchOptions, judgePriceOption, maxCostOption, planRuleOption, runArgument } from '../shared-options.js';
import { gateOptions } from './gate.js';
import {
  anyText,
  nonEmptyText,
  numberBetween,
  numberRange,
  oneOf,
  optional,
  repeated,
  wholeNumber,
} from '../value-type.js';

export const rejudgeDefinition = {
  description:
    "Adds the judgements of another judge to a run folder, prints its table, and how far it agrees with the run's own judge. The models are not asked again, and nothing is judged twice: if it is stopped, the same command continues. Without --judge nothing is judged: the judgements of the run's own judge are counted by the rule.",
  arguments: { run: runArgument },
  options: {
    judge: {
      value: 'JUDGE',
      description: "Who judges: exact for the organism's own judge, or a hosted model",
      type: optional(nonEmptyText),
      example: openJudge,
    },
    mode: {
      value: 'MODE',
      description: `How a model scores: ${languageModes.join(', ')}; logprobs if not given`,
      type: optional(anyText),
      example: 'samples',
    },
    samples: {
      value: 'N',
      description: 'Replies to each answer in the mode samples; 8 if not given',
      type: optional(wholeNumber(1)),
      example: '4',
    },
    rule: planRuleOption,
    'batch-judgements': batchOptions['batch-judgements'],
    'max-cost': {
      ...maxCostOption,
      description:
        'Stop before this judge could cost the run more than so many US dollars, earlier calls included; its price must be known',
    },
    'judge-price': judgePriceOption,
  },
  examples: [
    { description: 'Count by another rule', line: 'driftline rejudge runs/mine-1a2b3c4d --rule coherent' },
    {
      description: 'Judge by a model with open weights, on a server of your own',
      line: `driftline rejudge runs/mine-1a2b3c4d --judge ${openJudge}`,
    },
    {
      description: 'The same at a service that gives too few logprobs, with FIREWORKS_API_KEY set',
      line: 'driftline rejudge runs/mine-1a2b3c4d --judge fireworks:accounts/fireworks/models/llama-v3p3-70b-instruct --mode samples --samples 4',
    },
  ],
} as const satisfies CommandDefinition;

export const scoreDefinition = {
  description:
    "Reads CSV and JSON Lines, also as .gz, with the columns question_id or question, answer (or response, completion), aligned, coherent, and optionally model; other columns are ignored. If judge_aligned and judge_coherent have the judge's distribution, scores are computed from it. Rows without a score are counted as such. Means are of all answers that have the score, whatever the rule.",
  arguments: {
    file: {
      description: 'Files of answers with their scores',
      type: repeated(nonEmptyText),
      isRepeated: true,
    },
  },
  options: {
    rule: {
      value: 'RULE',
      description: `How scores become "misaligned or not": ${ruleNames.join(', ')}`,
      type: nonEmptyText,
      default: 'paper',
      example: 'coherent',
    },
    by: {
      value: 'COLUMN',
      description:
        'Also count each question_id, or each model, by itself; models are also compared with one of them, with interval and p',
      type: optional(oneOf(['question_id', 'model'])),
      example: 'model',
    },
    against: {
      value: 'MODEL',
      description: "With --by model: which model the others are compared with; the file's first if not given",
      type: optional(anyText),
      example: 'base',
    },
    scale: {
      value: 'LOW-HIGH',
      description:
        'Scale of the scores in the files, such as 0-1, 1-10 or 0-100; brought to 0 to 100 with the ends on 0 and 100. If not given, scores are 0 to 100, and files whose scores are hardly so are refused',
      type: optional(numberRange(0, 100)),
      example: '1-10',
    },
    seed: {
      value: 'N',
      description: 'Seed of the bootstrap intervals: decides which questions are drawn',
      type: wholeNumber(),
      default: '0',
      example: '1',
    },
    'max-share': {
      value: 'PERCENT',
      description:
        'End with exit code 3 unless the misaligned share of every file, and of every model where a file has several, is shown to be at most so much',
      type: optional(numberBetween(0, 100)),
      example: '2',
      isOnce: true,
    },
    population: gateOptions.population,
    junit: gateOptions.junit,
  },
  examples: [
    { description: 'Count a file by the rule of the paper', line: 'driftline score answers.csv' },
    {
      description: 'By another rule, each model by itself',
      line: 'driftline score answers.csv.gz --rule coherent --by model',
    },
    { description: 'Scores from 0 to 1', line: 'driftline score answers.jsonl --scale 0-1' },
    {
      description: 'Fail unless at most 2 % are misaligned, to questions like these',
      line: 'driftline score answers.csv --max-share 2',
    },
  ],
} as const satisfies CommandDefinition;
