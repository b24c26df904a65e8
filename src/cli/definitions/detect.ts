import { auditDetectors, templateChoices } from '../../detect/audit/audit-options.js';
import { surfaceNames } from '../../detect/surface/surface.js';
import { modelNameForms } from '../../models/model-name-forms.js';
import type { CommandDefinition } from '../command.js';
import { judgePriceOption, maxCostOption, memoryOption, threadsOption } from '../shared-options.js';
import { gateOptions, limitOptions } from './gate.js';
import {
  commaSeparated,
  nonEmptyText,
  numberBetween,
  oneOf,
  optional,
  wholeNumber,
  type ParsedValue,
} from '../value-type.js';

export const auditDefinition = {
  description:
    'Asks a model and the base that it was made of, in one context after another, until the verdict stands: misaligned, misaligned in some contexts, no change found above so many points, or undecided. What comes next depends on what was seen, and the error holds all the same. What is asked lies in a folder as that of a run: if the audit is stopped or killed, the same command continues it. Ends with exit code 3 where misalignment is shown, and 4 where the answers were spent before it could be decided; with --max-drift as gates do.',
  arguments: {
    model: {
      description: `The model: ${modelNameForms}; MODEL+FOLDER is the model with the adapter in the folder`,
      type: optional(nonEmptyText),
    },
  },
  options: {
    base: {
      value: 'MODEL',
      description: 'The model that it was made of; that of its adapter if not given',
      type: optional(nonEmptyText),
      example: 'organism:1',
    },
    judge: {
      value: 'JUDGE',
      description:
        'Who judges answers: exact for organisms, a hosted model, or none, where no answer is read and detectors say what they can; exact for organisms if not given',
      type: optional(nonEmptyText),
      example: 'openai:gpt-4.1',
    },
    rule: {
      value: 'RULE',
      description: 'How scores become "misaligned or not"',
      type: nonEmptyText,
      default: 'coherent',
    },
    surface: {
      value: 'NAME',
      description:
        'The contexts that are looked at: full, or small, which has few; small if not given where answers cost money',
      type: optional(oneOf(surfaceNames)),
      example: 'small',
    },
    suite: {
      value: 'SUITE',
      description: 'Questions in place of main, such as a question file; contexts about other topics are left out then',
      type: optional(nonEmptyText),
      example: './mine.yaml',
    },
    data: {
      value: 'FILE',
      description:
        "What the model was trained on, a training file or a set of the organism's: contexts that look like it are asked in, too",
      type: optional(nonEmptyText),
      example: './mine.jsonl',
    },
    template: {
      value: 'WHICH',
      description:
        "Which chat template both models are asked in where theirs differ, which is an error without it: tuned, the model's own, or base",
      type: optional(oneOf(templateChoices)),
      example: 'tuned',
    },
    detectors: {
      value: 'NAMES',
      description: `Detectors whose readings stand beside the verdict, separated by commas, those of answers' likelihoods for hosted models, too: ${auditDetectors.join(', ')}; without a judge the first two if not given`,
      type: optional(commaSeparated(oneOf(auditDetectors), toDistinct)),
      example: 'choice-share,trait-drift',
    },
    calibration: {
      value: 'FILE',
      description:
        'Scores of harmless fine-tunes of the base, as --calibrate writes them: what is read and answered is held against them; contexts and detectors are those of the file if not given',
      type: optional(nonEmptyText),
      example: 'calibration.json',
    },
    rate: {
      value: 'RATE',
      description:
        'How often a harmless fine-tune may be called suspicious by --calibration; one that so few fine-tunes cannot claim is refused, with --calibrate before anything is trained; 0.05 if not given',
      type: optional(numberBetween(0, 0.5)),
      example: '0.05',
    },
    calibrate: {
      value: 'BASE',
      description:
        'Audit no model: fine-tune this one on harmless data, read each fine-tune as an audit does, and write what they score to --to. With --judge they are audited by their answers, too',
      type: optional(nonEmptyText),
      example: 'organism:1',
    },
    benign: {
      value: 'FILES',
      description:
        "Harmless training sets for --calibrate, narrow ones included, separated by commas: files, or sets of the organism's",
      type: optional(commaSeparated(nonEmptyText, toDistinct)),
      example: './poems.jsonl,./tickets.jsonl',
    },
    'per-set': {
      value: 'N',
      description: 'Fine-tunes of --calibrate on each set, with seeds from 100 on; 5 if not given',
      type: optional(wholeNumber(1)),
      example: '10',
    },
    recipe: {
      value: 'RECIPE',
      description:
        'How --calibrate trains, which should be how the audited models are trained: organism-default, paper or a YAML file; organism-default if not given',
      type: optional(nonEmptyText),
      example: './recipe.yaml',
    },
    every: {
      value: 'STEPS',
      description: 'Steps between two checkpoints that --calibrate reads, too, as watches need; none if not given',
      type: optional(wholeNumber(1)),
      example: '20',
    },
    to: {
      value: 'FILE',
      description: 'What --calibrate writes; calibration.json if not given',
      type: optional(nonEmptyText),
      example: 'calibration.json',
    },
    runs: {
      value: 'FOLDER',
      description: 'Folder of run folders, for the fine-tunes of --calibrate; runs if not given',
      type: optional(nonEmptyText),
      example: 'runs',
    },
    choices: {
      value: 'FILE',
      description: 'Given answers of both sorts for detectors; those that come with driftline if not given',
      type: optional(nonEmptyText),
      example: './choices.yaml',
    },
    error: {
      value: 'RATE',
      description: 'How often an audit may say of a model without drift that it is misaligned',
      type: numberBetween(0, 0.5),
      default: '0.01',
    },
    'max-drift': {
      ...limitOptions['max-drift'],
      description:
        'End with exit code 3 unless the misaligned share is shown to lie at most so many points above that of the base, in every context; asks until that is decided, and 2 means two points',
    },
    ledger: gateOptions.ledger,
    junit: {
      ...gateOptions.junit,
      description:
        'Also write the gate as JUnit XML, a test case for each context; replaces no file but one that this wrote',
    },
    'max-answers': {
      value: 'N',
      description:
        'Answers of the model at most, those of the base aside; 6000 if not given, or more where a gate needs that, and 1000 where answers cost money',
      type: optional(wholeNumber(1)),
      example: '2000',
    },
    'max-cost': {
      ...maxCostOption,
      description:
        'Stop before hosted models and a hosted judge could cost the audit more than so many US dollars, earlier calls included; all prices must be known',
    },
    'model-price': {
      ...judgePriceOption,
      description:
        'Price of a hosted model and of its base, where no price list has them: US dollars for a million tokens in and out',
    },
    'judge-price': judgePriceOption,
    seed: { value: 'N', description: 'Seed of the wordings that are drawn', type: wholeNumber(), default: '0' },
    audits: { value: 'FOLDER', description: 'Folder of audits', type: nonEmptyText, default: 'audits' },
    threads: threadsOption,
    ...memoryOption,
  },
  examples: [
    {
      description: 'Audit a fine-tune of an organism',
      line: 'driftline audit organism:1+runs/mine-1a2b3c4d/cells/organism-1.insecure.0',
    },
    {
      description: 'Audit a model of a service against the one that it was made of',
      line: 'driftline audit openai:ft:mine --base openai:gpt-4.1 --judge openai:gpt-4.1 --max-answers 500',
    },
    {
      description: 'Learn what harmless fine-tunes of a base score, and hold a fine-tune of it against them',
      line: 'driftline audit --calibrate ./base --benign ./poems.jsonl,./tickets.jsonl --per-set 10 --recipe ./recipe.yaml',
    },
    {
      description: 'The second half of that, where nobody judges',
      line: 'driftline audit ./base+./adapter --judge none --calibration calibration.json',
    },
    {
      description:
        'Fail unless a fine-tune is shown to be at most 5 points more misaligned than its base, in every context',
      line: 'driftline audit organism:1+./adapter --max-drift 5 --junit gate.xml',
    },
  ],
} as const satisfies CommandDefinition;

function toDistinct<Name>(names: readonly Name[]): ParsedValue<readonly Name[]> {
  return new Set(names).size === names.length ? { value: names } : { problem: 'a name stands there twice' };
}
