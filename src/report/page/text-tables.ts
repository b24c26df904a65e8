import type { TextTable } from '../text-table.js';
import { markup, type Markup } from '../markup.js';
import { renderScroll } from './page-tables.js';

/** Tables of texts, each under its title, with its notes below. */
export function renderTextTables(tables: readonly TextTable[]): Markup {
  return markup`${tables.map(renderTable)}`;
}

function renderTable({ title, header, rows, right, notes }: TextTable): Markup {
  const className = (column: number): string => (right.includes(column) ? 'number' : '');
  return markup`${renderScroll(
    title,
    markup`<table><caption>${title}</caption><thead><tr>${header.map(
      (name, column) => markup`<th scope="col" class="${className(column)}">${name}</th>`,
    )}</tr></thead><tbody>${rows.map(
      (row) => markup`<tr>${row.map((cell, column) => markup`<td class="${className(column)}">${cell}</td>`)}</tr>`,
    )}</tbody></table>`,
  )}${notes.map((note) => markup`<p class="note">${note}</p>`)}`;
}
