import type { OptionDefinition } from './command.js';
import { nonEmptyText } from './option-values.js';

/** `--rule` of commands that count the judgements of a run, whose plan has a rule of its own. */
export const planRuleOption = {
  value: 'RULE',
  description: 'How scores become "misaligned or not": the plan\'s rule if not given',
  schema: nonEmptyText.optional(),
  example: 'coherent',
} as const satisfies OptionDefinition;
