import type { ComparedGroup } from '../analysis/compare-pooled.js';
import type { GroupRow } from '../analysis/pool-groups.js';
import { percentNumber, percentRange, points, pointsRange } from './format-numbers.js';
import type { TextTable } from './text-table.js';

/** What the conditions of each group did taken together; none without groups. */
export function listGroupTables(rows: readonly GroupRow[]): TextTable[] {
  if (rows.length === 0) return [];
  const areBases = new Set(rows.map(({ base }) => base)).size > 1;
  return [
    {
      title: 'groups of conditions, taken together',
      header: [
        ...['group', 'conditions', 'answers that are', '%', '95 % over models and questions', 'of', 'models'],
        ...['from base', '95 % over questions'],
      ],
      rows: rows.map((row) => [
        areBases ? `${row.base}, ${row.condition}` : row.condition,
        row.members.join(', '),
        row.measure,
        percentNumber(row.share.share),
        percentRange(row.modelIntervals?.both.interval ?? null),
        `${String(row.share.successes)}/${String(row.share.trials)}`,
        String(row.models.length),
        points(row.drift?.difference ?? null),
        pointsRange(row.drift?.interval ?? null),
      ]),
      right: [3, 4, 5, 6, 7, 8],
      notes: ['Models are the clusters of these intervals: many answers of one fine-tune count as one fine-tune.'],
    },
  ];
}

/** The same side by side; differences are from the first. */
export function listComparedGroups(rows: readonly ComparedGroup[], count: number): TextTable[] {
  if (rows.length === 0) return [];
  const numbers = Array.from({ length: count }, (_, index) => index);
  return [
    {
      title: 'groups of conditions, taken together',
      header: [
        ...['group', 'evaluation', 'answers that are'],
        ...numbers.flatMap((index) => [
          ...[`run ${String(index + 1)}, %`, '95 %'],
          ...(index === 0 ? [] : ['from run 1', '95 %']),
        ]),
      ],
      rows: rows.map(({ base, condition, evaluation, measure, runs, differences }) => [
        ...[base === null ? condition : `${base}, ${condition}`, evaluation, measure],
        ...runs.flatMap((row, index) => [
          percentNumber(row?.share.share ?? null),
          percentRange(row?.modelIntervals?.both.interval ?? null),
          ...(index === 0
            ? []
            : [points(differences[index]?.difference ?? null), pointsRange(differences[index]?.interval ?? null)]),
        ]),
      ]),
      right: Array.from({ length: 4 * count - 2 }, (_, index) => index + 3),
      notes: ['Intervals of shares are over models and questions, those of differences over questions.'],
    },
  ];
}
