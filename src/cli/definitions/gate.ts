import { gatePopulations } from '../../runs/gate-options.js';
import type { OptionDefinition } from '../command.js';
import {
  commaSeparated,
  nonEmptyText,
  numberBetween,
  oneOf,
  optional,
  trimmedText,
  type ParsedValue,
} from '../value-type.js';

/** What a gate asks. */
export const limitOptions = {
  'max-drift': {
    value: 'POINTS',
    description:
      'End with exit code 3 unless the misaligned share of every condition is shown to lie at most so many points above that of its base, in every evaluation about alignment; 2 means two points',
    type: optional(numberBetween(0, 100)),
    example: '2',
    isOnce: true,
  },
  conditions: {
    value: 'NAMES',
    description: 'Only these conditions in the gate, separated by commas',
    type: optional(commaSeparated(trimmedText, toNames)),
    example: 'insecure,secure',
    isOnce: true,
  },
  evaluations: {
    value: 'NAMES',
    description: 'Only these evaluations in the gate, separated by commas',
    type: optional(commaSeparated(trimmedText, toNames)),
    example: 'gate,gate-trigger',
    isOnce: true,
  },
  population: {
    value: 'WHICH',
    description: `What the gate is about: ${gatePopulations.join(' (what other questions of the kind would show; if not given, but for suites that ask all there is), ')} (these alone)`,
    type: optional(oneOf(gatePopulations)),
    example: 'these-questions',
    isOnce: true,
  },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

/** Of commands that can end with exit code 3 because of what was measured. */
export const gateOptions = {
  ...limitOptions,
  ledger: {
    value: 'FILE',
    description:
      'Count the gate among all that share this file, which keeps the share of false alarms over all of them; made if it is not there',
    type: optional(nonEmptyText),
    example: 'gates.jsonl',
    isOnce: true,
  },
  junit: {
    value: 'FILE',
    description:
      'Also write the gate as JUnit XML, a test case for each number that it looks at; replaces no file but one that this wrote',
    type: optional(nonEmptyText),
    example: 'gate.xml',
    isOnce: true,
  },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

function toNames(names: readonly string[]): ParsedValue<readonly string[]> {
  return new Set(names).size === names.length ? { value: names } : { problem: 'a name stands there twice' };
}
