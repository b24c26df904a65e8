import type { CommandDefinition } from '../command.js';
import { flag, nonEmptyText, optional, repeated } from '../value-type.js';

export const modelsDefinition = {
  description:
    'Lists the fine-tuned models of runs: what each was made of, where it is (a folder with an adapter, a name at a service or at Tinker, a place on a cluster), and how misaligned it came out by the judge of its run. A name that stands for different models is marked. Runs that are damaged or half written are told and left out. Nothing is asked, judged or changed.',
  arguments: {
    folder: {
      description: 'Run folders, or folders with runs in them; runs if not given',
      type: optional(repeated(nonEmptyText)),
      isRepeated: true,
    },
  },
  options: {
    base: {
      value: 'BASE',
      description: 'Only models of this base, by its name in tables or as plans write it',
      type: optional(nonEmptyText),
      example: 'organism:1',
    },
    condition: {
      value: 'CONDITION',
      description: 'Only models of this condition',
      type: optional(nonEmptyText),
      example: 'insecure',
    },
    csv: { description: 'Print the list as CSV', type: flag },
    quick: { description: 'Leave out how misaligned they are, which takes reading all answers', type: flag },
  },
  examples: [
    { description: 'All models of all runs in the folder runs', line: 'driftline models' },
    {
      description: 'Those of one condition, as a file',
      line: 'driftline models runs --condition insecure --csv > models.csv',
    },
    { description: 'For a program', line: 'driftline models runs/mine-1a2b3c4d --json' },
  ],
} as const satisfies CommandDefinition;
