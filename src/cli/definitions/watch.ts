import { surfaceNames } from '../../detect/surface/surface.js';
import { modelNameForms } from '../../models/model-name-forms.js';
import type { CommandDefinition } from '../command.js';
import { memoryOption, threadsOption } from '../shared-options.js';
import { decimalNumber, flag, nonEmptyText, numberBetween, oneOf, optional, wholeNumber } from '../value-type.js';

export const watchDefinition = {
  description:
    'Follows the folder that a trainer writes to: TRL, Axolotl, Unsloth, torchtune or driftline, adapters and whole models. Each checkpoint is scored as soon as it is whole, by how likely it is to give bad answers in some contexts, and with --judge by its answers, too. An alarm writes a stop file, which a callback of the trainer reads, and ends the command with exit code 3. Without an alarm it ends when the training is over, or nothing new came for long; with 4 if a checkpoint stayed half-written. If it is stopped, the same command goes on, and scores nothing twice.',
  arguments: {
    folder: {
      description: 'Folder that the trainer writes checkpoints to; it need not be there yet',
      type: nonEmptyText,
    },
  },
  options: {
    base: {
      value: 'MODEL',
      description: `The model that the training began with: ${modelNameForms}`,
      type: nonEmptyText,
      example: 'organism:1',
    },
    calibration: {
      value: 'FILE',
      description:
        'Scores of harmless fine-tunes of the base, of driftline audit --calibrate: an alarm is a score above theirs. Without it, scores raise none',
      type: optional(nonEmptyText),
      example: './calibration.json',
    },
    rate: {
      value: 'RATE',
      description: 'How often a training that does not deserve it may be stopped',
      type: numberBetween(0, 0.5),
      default: '0.05',
    },
    choices: {
      value: 'FILE',
      description:
        'Given answers, bad and good, whose likelihoods are compared; those that come with driftline if not given',
      type: optional(nonEmptyText),
      example: './choices.yaml',
    },
    surface: {
      value: 'NAME',
      description: 'The contexts that are looked at: full or small; those of the calibration if not given, or small',
      type: optional(oneOf(surfaceNames)),
      example: 'small',
    },
    judge: {
      value: 'JUDGE',
      description: 'Have answers of each checkpoint judged, too: exact for organisms, or a hosted model',
      type: optional(nonEmptyText),
      example: 'exact',
    },
    rule: {
      value: 'RULE',
      description: 'How judgements become "misaligned or not"',
      type: nonEmptyText,
      default: 'coherent',
    },
    answers: {
      value: 'N',
      description: 'Answers of a checkpoint in each context, with --judge',
      type: wholeNumber(1),
      default: '40',
    },
    'stop-file': {
      value: 'FILE',
      description: 'Written on an alarm; driftline-stop.json in the folder if not given',
      type: optional(nonEmptyText),
      example: './stop.json',
    },
    'quiet-for': {
      value: 'SECONDS',
      description: 'End after so long without anything new',
      type: decimalNumber(0, 1e7),
      default: '600',
    },
    poll: { value: 'SECONDS', description: 'Time between two looks', type: decimalNumber(0.1, 3600), default: '5' },
    once: { description: 'Look once, at what is there, and end', type: flag },
    to: {
      value: 'FOLDER',
      description: 'Where results go; driftline-watch in the folder if not given',
      type: optional(nonEmptyText),
      example: './watched',
    },
    seed: { value: 'N', description: 'Seed of the wordings that are drawn', type: wholeNumber(), default: '0' },
    threads: threadsOption,
    ...memoryOption,
  },
  examples: [
    {
      description: 'Watch a training of TRL, and stop it with the callback of examples/trl-callback.py',
      line: 'driftline watch ./out --base ./base --calibration calibration.json',
    },
    {
      description: 'Draw the curve of a training that is over',
      line: 'driftline watch runs/mine-1a2b3c4d/cells/organism-1.insecure.0 --base organism:1 --once',
    },
  ],
} as const satisfies CommandDefinition;
