import type { CommandDefinition } from '../command.js';
import { maxCostOption, planArgument, planOptions } from '../shared-options.js';
import { gateOptions, limitOptions } from './gate.js';
import { flag, nonEmptyText, optional } from '../value-type.js';

/** Written beside a plan that `init` writes. */
export const planSchemaFile = 'plan.schema.json';

export const initDefinition = {
  description: `Writes the plan and ${planSchemaFile} beside it, with which editors complete and check the plan. Overwrites no plan.`,
  arguments: {
    plan: { description: 'File to write; plan.yaml if not given', type: nonEmptyText, default: 'plan.yaml' },
  },
  options: {
    from: {
      value: 'NAME',
      description:
        'The plan to copy: example, which has comments, or an experiment that comes with driftline, such as paper, backdoor, mixing or open-models (a cluster); example if not given',
      type: optional(nonEmptyText),
      example: 'paper',
    },
  },
  examples: [
    { description: 'Begin an experiment', line: 'driftline init mine.yaml' },
    { description: "Begin with the paper's groups", line: 'driftline init paper.yaml --from paper' },
  ],
} as const satisfies CommandDefinition;

export const planDefinition = {
  description:
    'Reads the plan with all its training sets and questions. Lists the models it would make, what they train on and what they are asked, and the steps and answers that are left to do. To estimate the time it runs a few training steps and answers of models that run here, and keeps nothing of them. It estimates their memory, and refuses a plan that needs more than is available. For a cluster it estimates memory of a GPU, GPU-hours, disk and cost, and asks it nothing. For hosted models it counts what is left to ask them, and what that costs if the price is known. It asks each of them for one token, which costs next to nothing, to see that it can do what the plan asks.',
  arguments: { plan: planArgument },
  options: {
    ...planOptions,
    'max-cost': {
      ...maxCostOption,
      description: 'Say whether so many US dollars would be enough for driftline run; all prices must be known',
    },
    untimed: { description: 'Skip the time estimate, which takes some seconds', type: flag },
    'ask-cluster': {
      description: "Ask the plan's cluster how many GPUs it has, for the time; without this, it is asked nothing",
      type: flag,
    },
    unprobed: {
      description: 'Ask hosted models for nothing, and do not check that they can do what the plan asks',
      type: flag,
    },
    ...limitOptions,
    'max-drift': {
      ...limitOptions['max-drift'],
      description: 'Say what driftline run would gate with so many points, and refuse what cannot be passed',
    },
  },
  examples: [
    { description: 'See what would happen', line: 'driftline plan mine.yaml' },
    { description: 'See whether a gate of two points can be passed', line: 'driftline plan mine.yaml --max-drift 2' },
  ],
} as const satisfies CommandDefinition;

export const runDefinition = {
  description:
    'Fine-tunes every condition with every seed, asks all models, judges the answers and prints the results. Each result is written to the run folder as soon as it is there: if the run is stopped or killed, the same command continues it. A changed plan starts a new run, which takes over everything that the change does not affect.',
  arguments: { plan: planArgument },
  options: {
    ...planOptions,
    'max-cost': maxCostOption,
    'cancel-jobs': {
      description:
        'On Ctrl-C cancel the fine-tuning jobs in progress at their service, and withdraw and stop what a cluster does for the run; without this option they go on there, and the same command finds them again',
      type: flag,
    },
    detach: {
      description:
        'Run in a process of its own, which goes on when the terminal is closed; what it says goes to detached.log in the run folder',
      type: flag,
    },
    ...gateOptions,
  },
  examples: [
    { description: 'Run an experiment, or continue it', line: 'driftline run mine.yaml' },
    {
      description: 'The same plan on all organisms, with three seeds',
      line: 'driftline run paper.yaml --bases organism:1,organism:2,organism:3 --seeds 3',
    },
    {
      description: 'Fail where a condition may have drifted by more than two points',
      line: 'driftline run mine.yaml --max-drift 2',
    },
  ],
} as const satisfies CommandDefinition;
