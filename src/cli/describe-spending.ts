import { formatDollars } from '../foundation/format-quantities.js';
import {
  describeTotal,
  describeUse,
  type SpendingLine,
  type SpendingSummary,
} from '../models/hosted/spending/summarise-spending.js';

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

function describeLine(line: SpendingLine): string {
  const { purpose, unreported, cost } = line;
  const money = cost === null ? 'cost unknown: no price is known' : formatDollars(cost);
  const guessed =
    unreported === 0
      ? ''
      : ` (of ${String(unreported)} ${purpose === 'fine-tuning' ? 'jobs, counted as estimated' : 'calls, counted as the most that they may be'}, the service did not say the tokens)`;
  return `${describeUse(line, { calls: String, tokens: (count) => compact.format(count) })}; ${money}${guessed}`;
}
