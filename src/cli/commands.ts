import type { Command } from './command.js';
import { ask } from './commands/ask.js';

/** Every command, in the order of help. */
export const commands: readonly Command[] = [ask];

/** What the first word of commands of two words is about. */
export const commandGroups: Readonly<Record<string, string>> = {
  organism: 'The tiny world and its models',
};
