import type { OptionDefinition } from './command.js';
import { flag } from './option-values.js';

/** What every command understands, before and after its name. */
export const globalOptions = {
  json: { description: 'Print results, and errors, as JSON', schema: flag },
  quiet: { description: 'Print nothing but results and errors', schema: flag },
  debug: { description: 'Show where an error came from (also DRIFTLINE_DEBUG=1)', schema: flag },
} as const satisfies Record<string, OptionDefinition>;

export type GlobalOption = keyof typeof globalOptions;

export const helpDescription = 'Show this help';
export const versionDescription = 'Print the version';
