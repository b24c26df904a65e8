import { addCosts, type HostedUse } from '../experiment/run/hosted-use.js';
import { formatDollars } from '../foundation/format-quantities.js';
import type { Range } from '../judging/language-judge.js';
import type { HostedRate } from '../models/hosted/spending/hosted-prices.js';
import {
  describeTotal,
  describeUse,
  nameSellers,
  type SpendingLine,
  type SpendingSummary,
} from '../models/hosted/spending/summarise-spending.js';

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** What is left to ask hosted models, with its cost where the price is known. */
export function describeHostedUses(uses: readonly HostedUse[]): string[] {
  if (uses.length === 0) return [];
  const known = uses.filter(({ cost }) => cost !== null);
  const total = addCosts(known);
  return [
    ...uses.map(describeHostedUse),
    ...(uses.length > 1 && total !== null && known.length > 0
      ? [`together ${describeCost(total)}${known.length < uses.length ? ', plus what is not known' : ''}`]
      : []),
    'Tokens are estimated as a quarter of the characters, for empty answers up to the longest ones allowed; how long services take is not known.',
  ];
}

function describeHostedUse(use: HostedUse): string {
  const { model, isTuned, inputTokens, outputTokens, cost, price } = use;
  const tokens =
    use.purpose === 'fine-tuning'
      ? `${describeRange(inputTokens)} tokens in all epochs`
      : `${describeRange(inputTokens)} tokens in, ${describeRange(outputTokens)} out`;
  const money =
    cost === null || price === null
      ? 'its price is not known: set it under prices in the plan'
      : `${describeCost(cost)} by ${price.source} (${describePrice(use, price)}), which may be out of date`;
  return `${model}${isTuned ? ', fine-tuned' : ''}: ${describeCount(use)}, ${tokens}; ${money}`;
}

function describeCount({ model, purpose, count, calls }: HostedUse): string {
  switch (purpose) {
    case 'answers':
      return `${String(count)} answers`;
    case 'judgements':
      return `${String(count)} judgements in ${String(calls)} calls, its calibration included`;
    case 'fine-tuning':
      // Tinker is told of steps, and of no jobs.
      return model.startsWith('tinker:')
        ? `${String(count)} ${count === 1 ? 'fine-tune' : 'fine-tunes'}`
        : `${String(count)} fine-tuning ${count === 1 ? 'job' : 'jobs'}`;
  }
}

function describePrice({ purpose, isBatched }: HostedUse, { input, output, batch }: HostedRate): string {
  if (purpose === 'fine-tuning') return `${formatDollars(input)} a million`;
  return `${formatDollars(input)} and ${formatDollars(output)} a million${isBatched ? describeBatches(batch) : ''}`;
}

function describeBatches(share: number | undefined): string {
  return share === undefined ? ', in batches or not' : `, times ${String(share)} in batches`;
}

function describeRange([low, high]: Range): string {
  const [least, most] = [compact.format(low), compact.format(high)];
  return least === most ? least : `${least} to ${most}`;
}

function describeCost([low, high]: Range): string {
  const [least, most] = [formatDollars(low), formatDollars(high)];
  return least === most ? least : `${least} to ${most}`;
}

/** What was paid so far, in a few words; null if nothing was. */
export function describePaid({ cost, isWhole, uses }: SpendingSummary): string | null {
  if (uses.length === 0) return null;
  if (isWhole) return `${formatDollars(cost)} paid`;
  const unknown = uses.filter((use) => use.cost === null);
  const sum = (part: 'inputTokens' | 'outputTokens'): string =>
    compact.format(unknown.reduce((total, use) => total + use[part], 0));
  const hosted = unknown.filter(({ gpuSeconds }) => gpuSeconds === undefined);
  const seconds = unknown.reduce((total, use) => total + (use.gpuSeconds ?? 0), 0);
  const parts = [
    ...(unknown.length < uses.length ? [`${formatDollars(cost)} paid`] : []),
    ...(hosted.length > 0 ? [`${sum('inputTokens')} tokens in, ${sum('outputTokens')} out at unknown prices`] : []),
    ...(hosted.length < unknown.length ? [`${(seconds / 3600).toFixed(2)} GPU-hours at an unknown price`] : []),
  ];
  return parts.join(', and ');
}

/** What was paid so far, and what for, line by line. */
export function describeSpending(summary: SpendingSummary): string[] {
  const { onItsWay, uses } = summary;
  return [
    ...(uses.length === 0 ? [] : [`  paid for ${nameSellers(uses)}: ${describeTotal(summary)}`]),
    ...uses.map((use) => `    ${describeLine(use)}`),
    ...(onItsWay > 0
      ? [`    in progress at a service, and not counted yet: up to about ${formatDollars(onItsWay)}`]
      : []),
  ];
}

function describeLine(line: SpendingLine): string {
  const { purpose, unreported, cost } = line;
  const money = cost === null ? 'cost unknown: no price is known' : formatDollars(cost);
  const guessed =
    unreported === 0
      ? ''
      : ` (of ${String(unreported)} ${purpose === 'fine-tuning' ? 'jobs, counted as estimated' : 'calls, counted at their maximum'}, the service did not say the tokens)`;
  return `${describeUse(line, { calls: String, tokens: (count) => compact.format(count) })}; ${money}${guessed}`;
}
