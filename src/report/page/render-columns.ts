import { markup, type Markup, type MarkupValue } from '../markup.js';

/** A column of a table: its head, and what it says of a row. */
export interface Column<Row> {
  readonly title: string;
  /** Set to the right; the first column names its row, whatever this says. */
  readonly isNumber: boolean;
  readonly cell: (row: Row) => MarkupValue;
}

export function textColumn<Row>(title: string, cell: Column<Row>['cell']): Column<Row> {
  return { title, isNumber: false, cell };
}

export function numberColumn<Row>(title: string, cell: Column<Row>['cell']): Column<Row> {
  return { title, isNumber: true, cell };
}

/** Head and body of a table. */
export function renderColumns<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  classOf: (row: Row) => string = () => '',
): Markup {
  const kind = ({ isNumber }: Column<Row>): Markup | null => (isNumber ? markup` class="number"` : null);
  return markup`<thead><tr>${columns.map((column) => markup`<th scope="col"${kind(column)}>${column.title}</th>`)}</tr></thead><tbody>${rows.map(
    (row) =>
      markup`<tr class="${classOf(row)}">${columns.map((column, index) =>
        index === 0
          ? markup`<th scope="row">${column.cell(row)}</th>`
          : markup`<td${kind(column)}>${column.cell(row)}</td>`,
      )}</tr>`,
  )}</tbody>`;
}
