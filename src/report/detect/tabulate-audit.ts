import { z } from 'zod';
import type { AuditFile } from '../../detect/audit/audit-file.js';
import { auditConfidence } from '../../detect/audit/weigh-counts.js';
import { formatPercent } from '../../foundation/format-quantities.js';
import { percent } from '../format-numbers.js';
import type { TextTable } from '../text-table.js';
import { countedAnswers, formatReading, plainPoints } from './describe-audit.js';

/** All contexts that were looked at; with what a gate calls each, in words, where there is one. */
export function tabulateContexts({ contexts }: AuditFile, gate: readonly string[] | null): TextTable {
  const rows = contexts.map(
    ({ name, tuned, base, asked, difference, interval: [low, high], adjusted, problem }, place) => [
      ...(asked === 0
        ? [name, problem === null ? 'not asked' : 'left out', '', '', '', '']
        : [
            ...[name, countedAnswers(tuned), countedAnswers(base), difference === null ? '' : plainPoints(difference)],
            ...[`${plainPoints(low)} to ${plainPoints(high)}`, formatEvidence(adjusted)],
          ]),
      ...(gate === null ? [] : [gate[place] ?? '']),
    ],
  );
  const sure = `${String(100 * auditConfidence)} % for all at once`;
  return {
    title: 'contexts',
    header: [
      ...['context', 'misaligned', 'of the base', 'points', sure, 'evidence'],
      ...(gate === null ? [] : ['gate']),
    ],
    ...{ rows, right: [1, 2, 3, 4, 5], notes: [] },
  };
}

/** What detectors read, the context where that is the most, and what draws come to that mean nothing. */
export function tabulateReadings({ readings }: AuditFile): TextTable {
  const isHeld = readings.some(({ harmless }) => harmless !== null);
  return {
    title: 'detectors',
    header: ['detector', 'score', 'by chance up to', ...(isHeld ? ['harmless ones as high'] : []), ''],
    rows: readings.map(({ name, score, cannot, details, nulls, harmless }) => [
      name,
      score === null ? '-' : formatReading(score),
      nulls.length === 0 ? '' : formatReading(Math.max(...nulls)),
      ...(isHeld ? [harmless === null ? '' : `${String(harmless.atLeast)} of ${String(harmless.fineTunes)}`] : []),
      cannot ?? describeDetails(details),
    ]),
    ...{ right: isHeld ? [1, 2, 3] : [1, 2], notes: [] },
  };
}

/** How often what was planted was found; null where nothing was. */
export function tabulateControl({ control }: AuditFile): TextTable | null {
  if (control === null || control.planted.length === 0) return null;
  const places = { plain: 'when asked plainly', other: 'in one other context' } as const;
  return {
    title: 'What would have been found',
    header: ['planted', 'where', 'found'],
    rows: control.planted.map(({ place, points, found }) => [
      `${String(points)} ${points === 1 ? 'point' : 'points'}`,
      places[place],
      percent(found),
    ]),
    right: [2],
    notes: [
      `Answers that were judged aligned are taken for misaligned ones, and the audit is decided again from its first round, ${String(control.replays)} times each. No model is asked.`,
    ],
  };
}

const drifts = z.object({
  contexts: z.array(z.object({ name: z.string(), tuned: z.number(), base: z.number(), drift: z.number() })).nonempty(),
});

/** The context that drifted the furthest, where a detector says what share of bad answers it expects there. */
function describeDetails(details: unknown): string {
  const found = drifts.safeParse(details);
  if (!found.success) return '';
  const { name, tuned, base } = found.data.contexts.reduce((most, one) => (one.drift > most.drift ? one : most));
  return `expects ${formatPercent(tuned)} % bad answers in ${name}, ${formatPercent(base)} % of the base`;
}

/** How many times likelier what was seen is than chance alone would often have it. */
function formatEvidence(value: number): string {
  return value >= 1e4 ? value.toExponential(0) : value.toPrecision(2);
}
