import { formatDollars } from '../../foundation/format-dollars.js';
import type { SpendingSummary } from './summarise-spending.js';

/** What was paid in all, and whether that is all of it. */
export function describeTotal({ cost, isWhole, uses }: Pick<SpendingSummary, 'cost' | 'isWhole' | 'uses'>): string {
  if (isWhole) return formatDollars(cost);
  return uses.some((use) => use.cost !== null) ? `${formatDollars(cost)}, and what is not known` : 'not known';
}
