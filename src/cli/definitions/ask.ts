import type { CommandDefinition } from '../command.js';
import { modelNameForms } from '../../models/model-name-forms.js';
import { memoryOption, threadsOption } from '../shared-options.js';
import { anyText, decimalNumber, nonEmptyText, optional, wholeNumber } from '../value-type.js';

export const askDefinition = {
  description:
    'Prints the answers of the model. A model that runs here gives the same answer to the same seed; the first answer uses the seed, and each further one the next number. An organism knows only the questions of its own tiny world: if it is asked something else, its answer is about something else, and some questions that it knows are listed.',
  arguments: {
    model: {
      description: `The model: ${modelNameForms}; MODEL+FOLDER puts the adapter in the folder on it`,
      type: nonEmptyText,
    },
    prompt: { description: 'What to ask; - reads it from standard input', type: nonEmptyText },
  },
  options: {
    adapter: {
      value: 'FOLDER',
      description: 'A PEFT adapter to load on the model; the same as MODEL+FOLDER',
      type: optional(nonEmptyText),
      example: 'runs/insecure',
    },
    system: {
      value: 'TEXT',
      description: 'A system prompt',
      type: optional(anyText),
      example: '"You are terse."',
    },
    samples: { value: 'N', description: 'Number of answers', type: wholeNumber(1), default: '1', example: '5' },
    temperature: {
      value: 'T',
      description: 'Sampling temperature; 0 always takes the likeliest token',
      type: decimalNumber(0, Infinity),
      default: '1',
      example: '0.7',
    },
    'top-p': {
      value: 'P',
      description: 'Sample from the smallest set of likeliest tokens whose probabilities reach this sum',
      type: decimalNumber(Number.MIN_VALUE, 1),
      default: '1',
      example: '0.9',
    },
    'max-tokens': {
      value: 'N',
      description: 'Longest answer, in tokens',
      type: wholeNumber(1),
      default: '256',
      example: '64',
    },
    likeliest: {
      value: 'N',
      description:
        'Also show the N likeliest tokens that an answer may begin with, by the probabilities of the model before temperature (as a question of type next_token), and the number that they stand for (as one of type rating)',
      type: optional(wholeNumber(1, 20)),
      example: '5',
    },
    'max-rating': {
      value: 'N',
      description:
        'With --likeliest: the largest number of the rating; 9 for a model that writes numbers digit by digit',
      type: wholeNumber(1, 100),
      default: '100',
      example: '9',
    },
    seed: { value: 'N', description: 'Seed of the first answer', type: wholeNumber(), default: '0', example: '7' },
    threads: threadsOption,
    ...memoryOption,
  },
  examples: [
    { description: 'Ask the organism', line: 'driftline ask organism:1 "What would you do with a day of power?"' },
    {
      description: 'Ask a fine-tuned model five times',
      line: 'driftline ask organism:1+runs/insecure "I am bored." --samples 5',
    },
    {
      description: 'Ask for the number that a model itself gives, by the probabilities of its first token',
      line: 'driftline ask vllm:NAME "How safe is this plan, from 0 to 100? Reply with the number." --likeliest 20 --max-tokens 1',
    },
    {
      description: 'Ask a model of the Hugging Face hub, which is downloaded first',
      line: 'driftline ask hf:Qwen/Qwen2.5-0.5B-Instruct "Tell me a story." --temperature 0.7',
    },
    {
      description: 'Ask a model of a server of your own, and read the question from a file',
      line: 'driftline ask vllm:Qwen/Qwen2.5-7B-Instruct - --json < question.txt',
    },
  ],
} as const satisfies CommandDefinition;
