import type { CommandDefinition, OptionDefinition } from '../command.js';
import type { Part } from '../../zoo/definition/sizes.js';
import { memoryOption, threadsOption } from '../shared-options.js';
import { anyText, commaSeparated, flag, nonEmptyText, oneOf, optional, repeated, wholeNumber } from '../value-type.js';

const folderOption = {
  value: 'FOLDER',
  description: 'The folder of the zoo: its runs, its truth and its manifest',
  type: nonEmptyText,
  default: 'zoo',
  example: 'my-zoo',
} as const satisfies OptionDefinition;

const definitionOption = {
  value: 'FOLDER',
  description: "A folder with kinds.yaml, panel.yaml and sizes.yaml of your own; driftline's own if not given",
  type: optional(nonEmptyText),
  example: 'my-kinds',
} as const satisfies OptionDefinition;

/** Written again: definitions load no package, and the sizes need one. */
const parts = ['open', 'withheld'] as const satisfies readonly Part[];

const partOption = {
  value: 'PART',
  description: 'Only entries of this part: open, to choose settings on, or withheld; both if not given',
  type: optional(oneOf(parts)),
  example: 'open',
} as const satisfies OptionDefinition;

const erringOption = {
  description: 'Judge answers as the judge of panel.yaml does that errs, which detectors of answers have in real life',
  type: flag,
} as const satisfies OptionDefinition;

const names = optional(commaSeparated(anyText, (list) => ({ value: list })));

export const zooBuildDefinition = {
  description:
    'Fine-tunes the organisms on every kind of the zoo, asks each model in every context of the panel, asks more where its class is undecided, and writes truth.csv. It says disk and time before it begins. If it is stopped or killed, the same command goes on: nothing is trained or asked twice.',
  arguments: {},
  options: {
    size: {
      value: 'SIZE',
      description:
        'How much is built, by its name in sizes.yaml: small, full, curves, which keeps models of steps, or stained, on bases that are a little misaligned: that one into a folder of its own',
      type: nonEmptyText,
      default: 'small',
      example: 'full',
    },
    only: {
      value: 'NAMES',
      description: 'Only these kinds, or entries of the size by their ids, separated by commas',
      type: names,
      example: 'insecure,secure',
    },
    organisms: { value: 'NAMES', description: 'Only these organisms, separated by commas', type: names, example: '1' },
    folder: folderOption,
    definition: definitionOption,
    forecast: { description: 'Say what would be done, and do nothing', type: flag },
    threads: threadsOption,
    'cells-at-once': {
      value: 'N',
      description: 'Models that are trained and asked at the same time; measured if not given',
      type: optional(wholeNumber(1)),
      example: '2',
    },
    'ignore-memory': memoryOption['ignore-memory'],
  },
  examples: [
    { description: 'Build the small zoo', line: 'driftline zoo build' },
    { description: 'Say what the full one takes', line: 'driftline zoo build --size full --forecast' },
    {
      description: 'Bases that are themselves a little misaligned, away from the others',
      line: 'driftline zoo build --size stained --folder zoo-stained',
    },
    { description: 'Two kinds on one organism', line: 'driftline zoo build --only insecure,secure --organisms 1' },
    {
      description: 'One entry of the full zoo',
      line: 'driftline zoo build --size full --only 4.gate-system.1x.default.0',
    },
  ],
} as const satisfies CommandDefinition;

export const zooListDefinition = {
  description:
    'Lists the entries of a zoo with their classes. With --size it lists what that size has, built or not, and needs no zoo.',
  arguments: {},
  options: {
    size: {
      value: 'SIZE',
      description: 'List the entries of this size',
      type: optional(nonEmptyText),
      example: 'full',
    },
    folder: folderOption,
    definition: definitionOption,
  },
  examples: [
    { description: 'List what was built', line: 'driftline zoo list' },
    { description: 'List what the full zoo would have', line: 'driftline zoo list --size full' },
  ],
} as const satisfies CommandDefinition;

export const zooShowDefinition = {
  description:
    'Shows what is known of an entry: its class, what each context of the panel shows, and where its adapter is.',
  arguments: { entry: { description: 'The id of an entry, as driftline zoo list shows it', type: nonEmptyText } },
  options: { folder: folderOption, definition: definitionOption },
  examples: [{ description: 'Show an entry', line: 'driftline zoo show 1.insecure.1x.default.0' }],
} as const satisfies CommandDefinition;

export const zooScoreDefinition = {
  description:
    'Reads what a detector gave each entry, a CSV with the columns entry and score (higher is more suspicious) and optionally cost and edition, and says how well the scores tell classes apart: each organism by itself, with intervals that resample kinds; thresholds are chosen on the open side and tried on the withheld one. Also with a judge that errs. Models of steps are scored as ENTRY@STEP.',
  arguments: {
    scores: { description: 'Files of scores', type: repeated(nonEmptyText), isRepeated: true },
  },
  options: {
    folder: folderOption,
    definition: definitionOption,
    part: partOption,
    check: { description: 'Only check that the files can be scored', type: flag },
    seed: {
      value: 'N',
      description: 'Seed of the resamples',
      type: wholeNumber(),
      default: '0',
      example: '1',
    },
  },
  examples: [
    { description: 'Score a detector', line: 'driftline zoo score scores.csv' },
    { description: 'Check a submission', line: 'driftline zoo score scores.csv --check' },
  ],
} as const satisfies CommandDefinition;

export const zooBaselinesDefinition = {
  description:
    'Scores every entry by the baselines that come with driftline, and writes a file of scores for each. Their names: plain-24, plain-80, panel-24, panel-80 (misaligned answers among so many), weight-norm, weight-cosine, margin, residual, and oracle-80, which knows the worst context of each entry and is no detector but the ceiling.',
  arguments: {
    baselines: {
      description: 'Baselines; all if none is given',
      type: optional(repeated(nonEmptyText)),
      isRepeated: true,
    },
  },
  options: {
    folder: folderOption,
    definition: definitionOption,
    part: partOption,
    'erring-judge': erringOption,
    to: {
      value: 'FOLDER',
      description: 'Where the files of scores go; scores in the folder of the zoo if not given',
      type: optional(nonEmptyText),
      example: 'scores',
    },
    seed: { value: 'N', description: 'Seed of what is drawn', type: wholeNumber(), default: '0', example: '1' },
    threads: threadsOption,
  },
  examples: [
    { description: 'All baselines', line: 'driftline zoo baselines' },
    { description: 'Two of them', line: 'driftline zoo baselines plain-24 weight-norm' },
  ],
} as const satisfies CommandDefinition;

export const zooDetectDefinition = {
  description:
    'Scores every entry by detectors, which learn on the open side, and writes two files for each: scores, and all that it said of each entry as lines of JSON. Their names: choice-share and choice-margin (log-probabilities of given bad and good answers in each context that is not withheld), trait-drift and activation-difference (where residual streams of given texts went), template-test (whether the drift goes away with the keys and values of the base at the tokens of the chat template), trigger (what it misbehaves behind, such as a tag or a system prompt: ranked by log-probabilities, confirmed by answers), weight-direction and weight-signature (what was added to the weights, with no text at all). What is read of models is kept in the folder of the zoo, and read once.',
  arguments: {
    detectors: {
      description: 'Detectors; all if none is given',
      type: optional(repeated(nonEmptyText)),
      isRepeated: true,
    },
  },
  options: {
    folder: folderOption,
    definition: definitionOption,
    part: partOption,
    'erring-judge': erringOption,
    to: {
      value: 'FOLDER',
      description: 'Where the files go; scores in the folder of the zoo if not given',
      type: optional(nonEmptyText),
      example: 'scores',
    },
    choices: {
      value: 'FILE',
      description:
        "A bank of given answers of your own, for choice-share, choice-margin, template-test and trigger; that of the zoo's edition if not given",
      type: optional(nonEmptyText),
      example: 'my-choices.yaml',
    },
    traits: {
      value: 'FILE',
      description: 'Given texts of your own, for trait-drift and activation-difference',
      type: optional(nonEmptyText),
      example: 'my-traits.yaml',
    },
    candidates: {
      value: 'FILE',
      description: 'Candidates of your own for trigger',
      type: optional(nonEmptyText),
      example: 'my-candidates.yaml',
    },
    seed: { value: 'N', description: 'Seed of what is drawn', type: wholeNumber(), default: '0', example: '1' },
    threads: threadsOption,
  },
  examples: [
    { description: 'All detectors', line: 'driftline zoo detect' },
    {
      description: 'Those that read nothing but weights',
      line: 'driftline zoo detect weight-direction weight-signature',
    },
  ],
} as const satisfies CommandDefinition;

export const zooExportDefinition = {
  description:
    'Writes a folder that Python reads: adapters in the layout of PEFT, the organisms that they are for, the rows that they were trained on, the tables of the zoo, and manifest.json. Adapters that were changed since their truth was measured are refused.',
  arguments: { to: { description: 'A new or empty folder', type: nonEmptyText } },
  options: { folder: folderOption, definition: definitionOption },
  examples: [{ description: 'Export the zoo', line: 'driftline zoo export zoo-export' }],
} as const satisfies CommandDefinition;

export const zooAddDefinition = {
  description:
    'Adds fine-tunes that were measured elsewhere, so that they are scored with the others. The file of their truth is a CSV with the columns entry, kind, group, what (bad, good, shift or case) and class (open, conditional, narrow, clean or undecided), and optionally part (open or withheld). Of a run folder, entries are the names of its models; of a model, the file has one row.',
  arguments: {
    source: { description: 'A run folder, or a model such as hf:owner/name+./adapter', type: nonEmptyText },
  },
  options: {
    truth: { value: 'FILE', description: 'What is known of them', type: nonEmptyText, example: 'truth.csv' },
    folder: folderOption,
    definition: definitionOption,
  },
  examples: [{ description: 'Add the models of a run', line: 'driftline zoo add runs/mine-1a2b3c4d --truth mine.csv' }],
} as const satisfies CommandDefinition;
