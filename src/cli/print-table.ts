import type { CommandContext } from './command-context.js';

/** Prints a table under its title, and an empty line after it; the first line is the header. */
export function printTable({ print, colors }: CommandContext, title: string, lines: readonly string[]): void {
  print(title, colors.bold);
  for (const [index, line] of lines.entries()) print(line, index === 0 ? colors.bold : undefined);
  print('');
}
