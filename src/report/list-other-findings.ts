import { count, percent, pointsRange } from './format-numbers.js';
import { isClear } from '../analysis/is-clear.js';
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
  const counted = asked?.label ?? null;
  const deed = counted && (counted.deed ?? counted.name);
  const way = asked === undefined || asked.variant === 'plain' ? '' : ` to ${asked.title}`;
  const ofBase = rows.find(
    (one) => one.condition === 'base' && one.base === base && one.evaluation === evaluation && one.measure === measure,
  );
  const often = deed === null ? '' : ` ${(drift?.difference ?? 0) < 0 ? 'less' : 'more'} often`;
  const over = drift?.unit === 'answer' ? ', on this one question' : '';
  return `${deed ?? measure}${often}: in ${percent(share.share)} of its answers${way} (${count(share.successes)}\u00a0of\u00a0${count(share.trials)}), the base in ${percent(ofBase?.share.share ?? null)}; a drift of ${pointsRange(drift?.interval ?? null)} points (95\u00a0% interval${over})`;
}
