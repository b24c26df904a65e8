import type { TextTable } from '../report/text-table.js';
import type { CommandContext } from './command-context.js';

/** Lines of a table of texts, columns two spaces apart; those named are aligned to the right. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [] }: { readonly right?: readonly number[] } = {},
): string[] {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)];
}

/** Prints tables of texts, each with its notes below. */
export function printTextTables(context: CommandContext, tables: readonly TextTable[]): void {
  for (const { title, header, rows, right, notes } of tables)
    printTable(context, title, [...formatTable(header, rows, { right }), ...notes]);
}

/** Prints a table under its title, and an empty line after it; the first line is the header. */
export function printTable({ print, colors }: CommandContext, title: string, lines: readonly string[]): void {
  print(title, colors.bold);
  for (const [index, line] of lines.entries()) print(line, index === 0 ? colors.bold : undefined);
  print('');
}
