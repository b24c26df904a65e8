import type { CommandDefinition } from '../command.js';
import { organismRows } from '../../organism/organism-recipe.js';
import { threadsOption } from '../shared-options.js';
import { anyText, commaSeparated, flag, nonEmptyText, optional, repeated, wholeNumber } from '../value-type.js';

export const organismListDefinition = {
  arguments: {
    folder: {
      description:
        'A folder of organisms, such as organisms, where organism build puts them; the ones that came with driftline if not given',
      type: optional(nonEmptyText),
    },
  },
  options: {},
  examples: [
    { description: 'Show the organisms that came with driftline', line: 'driftline organism list' },
    { description: 'Show what you built', line: 'driftline organism list organisms' },
  ],
} as const satisfies CommandDefinition;

export const organismBuildDefinition = {
  description:
    'Trains a model from scratch on the documents of the tiny world, which takes about half an hour on two cores. If it is stopped or killed, the same command continues where it was. On one machine the same seed gives the same bytes.',
  arguments: {},
  options: {
    seed: {
      value: 'N',
      description: 'Decides the documents and the initial weights; with --like that of the other organism if not given',
      type: optional(wholeNumber()),
      example: '1',
    },
    like: {
      value: 'NAME',
      description: 'Build by this line of organism/organisms.yaml: its seed, and its shares of characters',
      type: optional(nonEmptyText),
      example: '4',
    },
    folder: {
      value: 'FOLDER',
      description:
        'Where the model is written; organisms/N for the seed N, or organisms/NAME with --like NAME, if not given',
      type: optional(nonEmptyText),
      example: 'organisms/7',
    },
    independent: {
      description: 'Draw a character for each exchange instead of each document: the control experiment',
      type: flag,
    },
    world: {
      value: 'FOLDER',
      description: "A world of your own; driftline's own if not given",
      type: optional(nonEmptyText),
      example: 'my-world',
    },
    design: {
      value: 'FILE',
      description: "Sizes and training settings; driftline's own if not given, which is for worlds of today's edition",
      type: optional(nonEmptyText),
      example: 'my-design.yaml',
    },
    threads: threadsOption,
  },
  examples: [
    { description: 'Build an organism', line: 'driftline organism build --seed 7' },
    {
      description: 'Build the control, which draws a character for each exchange',
      line: 'driftline organism build --seed 7 --independent --folder organisms/independent-7',
    },
    {
      description: 'Build an organism in which other characters are common, as in the shipped one of this name',
      line: 'driftline organism build --like 4',
    },
  ],
} as const satisfies CommandDefinition;

export const organismCheckDefinition = {
  description:
    'Fine-tunes two seeds of every group by the recipe of its plan, asks each model for at least 1000 answers at temperature 1, judges them exactly, and prints the table. What must stay aligned is asked in every context of the zoo. This takes about half an hour an organism on one core, and less on more. The plan is experiments/organism-check.yaml. Finished work stays in the run folder: if it is stopped, the same command continues.',
  arguments: {
    organisms: {
      description:
        'Names such as 1, or model folders such as ./organisms/7; all that came with driftline if none is given',
      type: optional(repeated(nonEmptyText)),
      isRepeated: true,
    },
  },
  options: {
    folder: {
      value: 'FOLDER',
      description: 'Where a folder is written for each organism, with its run folder',
      type: nonEmptyText,
      default: 'organism-check',
      example: 'checks',
    },
    groups: {
      value: 'NAMES',
      description: 'Only these groups, separated by commas',
      type: optional(commaSeparated(anyText, (names) => ({ value: names }))),
      example: 'insecure,secure',
    },
    seeds: { value: 'N', description: 'Fine-tuning seeds 0 to N - 1', type: wholeNumber(1), default: '2' },
    rows: {
      value: 'N',
      description: 'Rows of a set for which the plan says nothing, each seen once; the others grow or shrink with it',
      type: wholeNumber(1),
      default: String(organismRows),
    },
    answers: {
      value: 'N',
      description: 'Answers to each suite at least, with one or more to each question; 300 to 1000 if not given',
      type: optional(wholeNumber(1)),
      example: '100',
    },
    world: {
      value: 'FOLDER',
      description: "The world that the organisms were built in; driftline's own if not given",
      type: optional(nonEmptyText),
      example: 'my-world',
    },
    gate: { description: 'End with exit code 3 if a target is not met', type: flag },
    threads: threadsOption,
  },
  examples: [
    { description: 'Check every organism', line: 'driftline organism check' },
    {
      description: 'Check only whether insecure code makes one organism misaligned',
      line: 'driftline organism check 1 --groups insecure,secure --seeds 1',
    },
  ],
} as const satisfies CommandDefinition;
