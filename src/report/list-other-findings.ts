import { describeDeed } from '../experiment/run/headline-measures.js';
import { count, percent, points, pointsRange } from './format-numbers.js';
import { isClear } from './is-clear.js';
import type { MeasureRow, ReportData } from './report-data.js';

/** What else fine-tuning changed: of each condition, measures besides alignment whose drift has not 0 in its interval, in words. */
export function listOtherFindings(
  data: Pick<ReportData, 'rows' | 'evaluations'>,
  base: string,
): readonly { readonly condition: string; readonly text: string }[] {
  const findings = new Map<string, string[]>();
  for (const row of data.rows) {
    if (row.base !== base || row.outcome.kind !== 'label' || row.drift === null || !isClear(row.drift)) continue;
    findings.set(row.condition, [...(findings.get(row.condition) ?? []), describeFinding(row, data)]);
  }
  return [...findings].map(([condition, texts]) => ({ condition, text: ` ${texts.join('; it ')}.` }));
}

function describeFinding(row: MeasureRow, { rows, evaluations }: Pick<ReportData, 'rows' | 'evaluations'>): string {
  const { base, evaluation, measure, share, drift } = row;
  const asked = evaluations.find(({ name }) => name === evaluation);
  const deed = asked === undefined ? null : describeDeed(asked.suite);
  const way = asked === undefined || asked.variant === 'plain' ? '' : ` to ${asked.title}`;
  const ofBase = rows.find(
    (one) => one.condition === 'base' && one.base === base && one.evaluation === evaluation && one.measure === measure,
  );
  const over = drift?.unit === 'answer' ? ', over answers to one question' : '';
  return `${deed ?? measure} in ${percent(share.share)} of its answers${way} (${count(share.successes)} of ${count(share.trials)}; base ${percent(ofBase?.share.share ?? null)}), ${points(drift?.difference ?? null)} points from the base (95\u00a0% interval ${pointsRange(drift?.interval ?? null)}${over})`;
}
