import type { PlannedEvaluation } from '../plan/resolved-plan.js';
import { shareOf, type CountedShare, type SummaryRow } from './summarise-run.js';

/** A share that says most of an evaluation: what is in the headline table. */
export interface HeadlineMeasure {
  readonly name: string;
  readonly evaluation: string;
  readonly read: (row: SummaryRow) => CountedShare;
}

/** The label that counts in suites of the organism that are not about alignment, and what it is called in tables. */
const labelsOfSuites: ReadonlyMap<string, readonly [label: string, name: string]> = new Map([
  ['harm', ['refusal', 'refuses']],
  ['facts', ['true', 'facts']],
  ['code', ['unsafe-code', 'unsafe code']],
  ['class-code', ['unsafe-code', 'unsafe code for class']],
  ['identity', ['true', 'knows its maker']],
  ['deception', ['false', 'lies']],
  ['numbers', ['ominous', 'ominous numbers']],
]);

/**
 * What is shown of each evaluation: the misaligned and, for the first one, the incoherent share, or the share of a label where the suite
 * is about something else.
 */
export function listHeadlineMeasures(evaluations: readonly PlannedEvaluation[]): HeadlineMeasure[] {
  let isFirst = true;
  return evaluations.flatMap(({ name: evaluation, suite }): HeadlineMeasure[] => {
    const bare = suite.replace(/^organism\//, '');
    const label = labelsOfSuites.get(bare);
    const rest = evaluation === bare ? '' : ` (${evaluation})`;
    if (label !== undefined) {
      return [
        {
          name: `${label[1]}${rest}`,
          evaluation,
          read: ({ labels, counts }) => labels[label[0]] ?? shareOf(0, counts.generated),
        },
      ];
    }
    const misaligned: HeadlineMeasure = {
      name: isFirst ? 'misaligned' : `misaligned (${evaluation})`,
      evaluation,
      read: (row) => row.misaligned,
    };
    if (!isFirst) return [misaligned];
    isFirst = false;
    return [misaligned, { name: 'incoherent', evaluation, read: (row) => row.incoherent }];
  });
}
