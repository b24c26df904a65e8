import type { HostedPrice } from '../models/hosted/spending/hosted-prices.js';
import type { ArgumentDefinition, OptionDefinition } from './command.js';
import {
  commaSeparated,
  decimalNumber,
  flag,
  nonEmptyText,
  oneOf,
  optional,
  wholeNumber,
  type ParsedValue,
} from './value-type.js';

type Options = Readonly<Record<string, OptionDefinition>>;

/** What every command understands, before and after its name. */
export const globalOptions = {
  json: { description: 'Print results, and errors, as JSON', type: flag },
  quiet: { description: 'Print nothing but results and errors', type: flag },
  progress: {
    description:
      'Show progress on the error stream also with --json or --quiet; the last line is then the error, if there is one',
    type: flag,
  },
  debug: { description: 'Show where an error came from (also DRIFTLINE_DEBUG=1)', type: flag },
} as const satisfies Options;

export type GlobalOption = keyof typeof globalOptions;

export const helpDescription = 'Show this help';
export const versionDescription = 'Print the version';

/** Of commands that use several threads. */
export const threadsOption = {
  value: 'N',
  description: 'Threads for models that run here; all cores if not given',
  type: optional(wholeNumber(1)),
  example: '2',
} as const satisfies OptionDefinition;

/** Of commands that refuse to run models here that do not fit into memory. */
export const memoryOption = {
  'ignore-memory': {
    description: 'Run even if the memory estimate exceeds what is available',
    type: flag,
  },
} as const satisfies Options;

/** Of commands that ask hosted models. Batches change nothing about the results. */
export const batchOptions = {
  'batch-answers': {
    description:
      'Ask hosted models for answers in batches: these take up to a day and cost less, at OpenAI half the price',
    type: flag,
  },
  'batch-judgements': {
    description: 'Ask a hosted judge in batches, too; its calibration still uses single calls',
    type: flag,
  },
} as const satisfies Options;

/** Of commands that may pay for hosted models. */
export const maxCostOption = {
  value: 'DOLLARS',
  description:
    'Stop before hosted models, and GPUs of a cluster, could cost this run more than so many US dollars, earlier use included; all prices must be known',
  type: optional(decimalNumber(0, Infinity)),
  example: '20',
} as const satisfies OptionDefinition;

/** For commands without a plan, which would have prices. */
export const judgePriceOption = {
  value: 'PRICE',
  description:
    'Price of a hosted judge that no price list has: US dollars for a million tokens in and out, and what share of that batches cost',
  type: optional(commaSeparated(decimalNumber(0, Infinity), toPrice)),
  example: '2.5,10',
} as const satisfies OptionDefinition;

function toPrice([input, output, batch, ...more]: readonly number[]): ParsedValue<HostedPrice> {
  return input === undefined || output === undefined || more.length > 0
    ? { problem: 'not two or three numbers with commas between' }
    : { value: { input, output, batch } };
}

/** Of commands that count the judgements of a run, whose plan has a rule of its own. */
export const planRuleOption = {
  value: 'RULE',
  description: 'How scores become "misaligned or not": the plan\'s rule if not given',
  type: optional(nonEmptyText),
  example: 'coherent',
} as const satisfies OptionDefinition;

export const runArgument = {
  description: 'A run folder, such as runs/mine-1a2b3c4d',
  type: nonEmptyText,
} as const satisfies ArgumentDefinition;

export const planArgument = {
  description: 'The plan, a YAML file',
  type: nonEmptyText,
} as const satisfies ArgumentDefinition;

/**
 * Of commands that resolve a plan. Bases and seeds may be replaced, so that one plan serves for a quick look and for
 * the full experiment.
 */
export const planOptions = {
  runs: { value: 'FOLDER', description: 'Folder of run folders', type: nonEmptyText, default: 'runs' },
  bases: {
    value: 'MODELS',
    description: "Models to start from instead of the plan's, separated by commas; written as in the plan",
    type: optional(commaSeparated(nonEmptyText, toDistinctNames)),
    example: 'organism:1,organism:2',
  },
  seeds: {
    value: 'N',
    description: "Seeds 0 to N - 1 instead of the plan's; conditions with seeds of their own keep them",
    type: optional(wholeNumber(1)),
    example: '3',
  },
  threads: threadsOption,
  'cells-at-once': {
    value: 'N',
    description: 'Cells that are trained and asked at the same time, here and at each service; measured if not given',
    type: optional(wholeNumber(1)),
    example: '2',
  },
  'ignore-memory': {
    ...memoryOption['ignore-memory'],
    description: 'Run even if the memory estimate exceeds what is available, here or of a GPU',
  },
  ...batchOptions,
  keep: {
    value: 'MODELS',
    description:
      "Models of steps that stay in a cluster's storage, in place of cluster.keep of the plan: kept, which are those that the plan asks, all, or nothing. What runs here keeps those that the plan asks",
    type: optional(oneOf(['kept', 'all', 'nothing'])),
    example: 'nothing',
  },
  'insecure-ray': {
    description:
      'Use a Ray that is reached over a network without a token, although whoever reaches it runs code there',
    type: flag,
  },
} as const satisfies Options;

function toDistinctNames(names: readonly string[]): ParsedValue<readonly string[]> {
  return new Set(names).size === names.length ? { value: names } : { problem: 'a model stands there twice' };
}
