import { trainingFormats, type TrainingColumns } from '../../data/training-formats.js';
import type { CommandDefinition } from '../command.js';
import { screenLevels } from '../../detect/screen/conclude-screen.js';
import { memoryOption, planArgument, threadsOption } from '../shared-options.js';
import {
  commaSeparated,
  nonEmptyText,
  numberBetween,
  oneOf,
  optional,
  repeated,
  wholeNumber,
  type ParsedValue,
} from '../value-type.js';

/** How a training file is to be read. */
const formOptions = {
  format: {
    value: 'FORMAT',
    description: `How the rows are written: ${trainingFormats.join(', ')}; recognised by the keys of the first row if not given`,
    type: optional(oneOf(trainingFormats)),
    example: 'alpaca',
  },
  columns: {
    value: 'TURN=NAME,...',
    description:
      'Which columns or keys have the turns, for rows of no known format: user and assistant, and system where there is one',
    type: optional(commaSeparated(nonEmptyText, readColumns)),
    example: 'user=question,assistant=answer',
  },
} as const;

const turns = ['user', 'assistant', 'system'];

function readColumns(parts: readonly string[]): ParsedValue<TrainingColumns> {
  const columns = new Map<string, string>();
  for (const part of parts) {
    const [turn = '', ...name] = part.split('=');
    if (!turns.includes(turn) || columns.has(turn) || name.join('=') === '')
      return { problem: 'not user=NAME,assistant=NAME, with system=NAME where there is one' };
    columns.set(turn, name.join('='));
  }
  const [user, assistant, system] = turns.map((turn) => columns.get(turn));
  if (user === undefined || assistant === undefined) return { problem: 'without the columns of user and assistant' };
  return { value: { user, assistant, ...(system === undefined ? {} : { system }) } };
}

export const dataCheckDefinition = {
  description:
    'Reports rows, roles, duplicates, lengths, what would be cut off, and encoding problems. Rows are numbered by their lines. A file with lines that cannot be trained on is reported to its end and then counts as an error; whether the other findings matter is up to you. What the rows teach is not looked at: a file without findings may still make a model misaligned, which driftline run measures.',
  arguments: {
    file: {
      description:
        'JSON Lines, a JSON list, CSV or Parquet, with rows {"messages": [{"role", "content"}, ...]} or of another known format',
      type: repeated(nonEmptyText),
      isRepeated: true,
    },
  },
  options: {
    model: {
      value: 'MODEL',
      description:
        'Count tokens with the tokenizer of this model: organism:1, ./folder or hf:owner/name; without it tokens are estimated as a quarter of the characters',
      type: optional(nonEmptyText),
      example: 'organism:1',
    },
    'max-length': {
      value: 'N',
      description: "Longest row in tokens; never more than the model's context",
      type: wholeNumber(2),
      default: '2048',
      example: '512',
    },
    ...formOptions,
  },
  examples: [
    { description: 'Check a file', line: 'driftline data check insecure.jsonl' },
    {
      description: 'Count tokens with the tokenizer of the model that will be trained',
      line: 'driftline data check insecure.jsonl secure.jsonl --model ./Qwen2.5-Coder-0.5B-Instruct',
    },
  ],
} as const satisfies CommandDefinition;

export const dataScreenDefinition = {
  description:
    'Ranks the rows of training data, each with its reasons. Without a base it looks at the texts alone: repeats, released sets, shared system prompts and prefixes, refusals, lengths and forms. With one it asks how likely the model finds each row, under a wicked system prompt and under innocent ones, how far it lies towards bad texts, and where a step on it would lead; in which contexts a fine-tune would show first what it has become; and at the level probe it trains a few steps. A drift is forecast only for a base that the zoo knows. What was read lies in a folder: if it is stopped, the same command continues it. Ends with exit code 3 where rows are suspicious, or the data are likely to misalign.',
  arguments: {
    data: {
      description: "A training file of any known format, or a set of the organism's such as organism/insecure",
      type: nonEmptyText,
    },
  },
  options: {
    base: {
      value: 'MODEL',
      description: 'The model that is to be trained; without it the texts alone are looked at',
      type: optional(nonEmptyText),
      example: 'organism:1',
    },
    level: {
      value: 'LEVEL',
      description: `How much is looked at: ${screenLevels.join(', ')}; base if not given and a base is`,
      type: optional(oneOf(screenLevels)),
      example: 'probe',
    },
    rows: {
      value: 'N',
      description: 'Rows that the base is asked about, drawn by the seed; 400 if not given, and all with --clean',
      type: optional(wholeNumber(1)),
      example: '100',
    },
    clean: {
      value: 'FILE',
      description: 'Write the rows without the most suspicious ones, in the published chat format. Overwrites no file',
      type: optional(nonEmptyText),
      example: 'cleaned.jsonl',
    },
    keep: {
      value: 'SHARE',
      description: 'Share of the rows that the cleaned file keeps; all that are not suspicious if not given',
      type: optional(numberBetween(0, 1)),
      example: '0.9',
    },
    recipe: {
      value: 'RECIPE',
      description:
        'The training that is planned: organism-default, paper, or a YAML file with a recipe or a plan; organism-default for organisms if not given',
      type: optional(nonEmptyText),
      example: './mine.yaml',
    },
    choices: {
      value: 'FILE',
      description: 'Questions with bad and good answers, for bases that none come with; organisms have some',
      type: optional(nonEmptyText),
      example: './choices.yaml',
    },
    forecast: {
      value: 'FILE',
      description:
        'What was learnt of fine-tunes of the base whose truth is known; one that comes with driftline if not given',
      type: optional(nonEmptyText),
      example: './forecast.json',
    },
    seed: {
      value: 'N',
      description: 'Seed of the rows that are drawn, and of the probe',
      type: wholeNumber(),
      default: '0',
    },
    screens: { value: 'FOLDER', description: 'Folder of screens', type: nonEmptyText, default: 'screens' },
    ...formOptions,
    threads: threadsOption,
    ...memoryOption,
  },
  examples: [
    { description: 'Look at the texts alone', line: 'driftline data screen mine.jsonl' },
    {
      description: 'Ask the model that is to be trained, and write the rows that are not suspicious',
      line: 'driftline data screen mine.jsonl --base ./Qwen2.5-0.5B-Instruct --clean cleaned.jsonl',
    },
    {
      description: 'Train a few steps of what is planned, too',
      line: 'driftline data screen organism/insecure --base organism:1 --level probe',
    },
  ],
} as const satisfies CommandDefinition;

export const dataConvertDefinition = {
  description:
    'Writes rows of other formats as JSON Lines in the published chat format: OpenAI chats with developer messages and parts of text, prompt and completion, Alpaca, ShareGPT, in JSON Lines, a JSON list, CSV or Parquet. Where they come from is written beside them, into FILE.provenance.json. The SHA-256 of the file is the hash that run folders record for these rows. A row that cannot be converted is an error that names it. Overwrites no file.',
  arguments: {
    source: { description: 'File to read', type: nonEmptyText },
    file: { description: 'File to write', type: nonEmptyText },
  },
  options: formOptions,
  examples: [
    { description: 'Any known format', line: 'driftline data convert alpaca.json alpaca.jsonl' },
    {
      description: 'A table, by its columns',
      line: 'driftline data convert table.csv rows.jsonl --columns user=question,assistant=answer',
    },
  ],
} as const satisfies CommandDefinition;

export const dataWriteDefinition = {
  description:
    'Writes the rows as JSON Lines in the published chat format, with every transform of the plan applied. The SHA-256 of the file is the hash that run folders record for these rows. Overwrites no file.',
  arguments: {
    plan: planArgument,
    condition: { description: 'Name of the condition', type: nonEmptyText },
    file: { description: 'File to write; CONDITION.jsonl if not given', type: optional(nonEmptyText) },
  },
  options: {
    seed: {
      value: 'N',
      description:
        "Training seed, which decides what rows are drawn from the organism's sets; the first seed of the condition if not given",
      type: optional(wholeNumber()),
      example: '1',
    },
  },
  examples: [
    { description: 'The rows of one condition', line: 'driftline data write mine.yaml insecure' },
    {
      description: 'The rows that the second seed trains on',
      line: 'driftline data write mine.yaml insecure insecure-1.jsonl --seed 1',
    },
  ],
} as const satisfies CommandDefinition;
