import { formatDollars } from '../foundation/format-dollars.js';
import { describeTotal } from '../models/spending/describe-total.js';
import type { SpendingLine, SpendingSummary } from '../models/spending/summarise-spending.js';

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** What was paid so far, in a few words; null where nothing was. */
export function describePaid({ cost, isWhole, uses }: SpendingSummary): string | null {
  if (uses.length === 0) return null;
  if (isWhole) return `${formatDollars(cost)} paid`;
  const unknown = uses.filter((use) => use.cost === null);
  const sum = (part: 'inputTokens' | 'outputTokens'): string =>
    compact.format(unknown.reduce((total, use) => total + use[part], 0));
  const known = unknown.length < uses.length ? `${formatDollars(cost)} paid, and ` : '';
  return `${known}${sum('inputTokens')} tokens in, ${sum('outputTokens')} out at unknown prices`;
}

/** The same with what it was paid for, line by line. */
export function describeSpending(summary: SpendingSummary): string[] {
  const { onItsWay, uses } = summary;
  return [
    ...(uses.length === 0 ? [] : [`  paid for hosted models: ${describeTotal(summary)}`]),
    ...uses.map((use) => `    ${describeLine(use)}`),
    ...(onItsWay > 0
      ? [`    on its way at a service, and not counted yet: up to about ${formatDollars(onItsWay)}`]
      : []),
  ];
}

function describeLine({
  model,
  isTuned,
  purpose,
  calls,
  inputTokens,
  outputTokens,
  unreported,
  cost,
}: SpendingLine): string {
  const work =
    purpose === 'fine-tuning'
      ? `${String(calls)} ${calls === 1 ? 'job' : 'jobs'}, ${compact.format(inputTokens)} tokens trained on`
      : `${String(calls)} calls, ${compact.format(inputTokens)} tokens in, ${compact.format(outputTokens)} out`;
  const money = cost === null ? 'cost unknown: no price is known' : formatDollars(cost);
  const guessed =
    unreported === 0
      ? ''
      : ` (of ${String(unreported)} ${purpose === 'fine-tuning' ? 'jobs, counted as estimated' : 'calls, counted as the most that they may be'}, the service did not say the tokens)`;
  return `${model}${isTuned ? ', fine-tuned' : ''}, ${purpose}: ${work}; ${money}${guessed}`;
}
