import type { Range } from '../judging/language-judge.js';
import { formatDollars } from '../foundation/format-quantities.js';
import { addCosts, type HostedUse } from '../experiment/run/hosted-use.js';
import type { HostedRate } from '../models/hosted/spending/hosted-prices.js';

/** What is left to be asked of hosted models, with what it costs as far as that is known. */
export function describeHostedUses(uses: readonly HostedUse[]): string[] {
  if (uses.length === 0) return [];
  const known = uses.filter(({ cost }) => cost !== null);
  const total = addCosts(known);
  return [
    ...uses.map(describeUse),
    ...(uses.length > 1 && total !== null && known.length > 0
      ? [`together ${describeCost(total)}${known.length < uses.length ? ', and what is not known' : ''}`]
      : []),
    'Tokens are estimated as a quarter of the characters, from answers that are empty to answers as long as they may be; how long services take is not known.',
  ];
}

function describeUse(use: HostedUse): string {
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

function describeCount({ purpose, count, calls }: HostedUse): string {
  switch (purpose) {
    case 'answers':
      return `${String(count)} answers`;
    case 'judgements':
      return `${String(count)} judgements in ${String(calls)} calls, its calibration included`;
    case 'fine-tuning':
      return `${String(count)} fine-tuning ${count === 1 ? 'job' : 'jobs'}`;
  }
}

function describePrice({ purpose, isBatched }: HostedUse, { input, output, batch }: HostedRate): string {
  if (purpose === 'fine-tuning') return `${formatDollars(input)} a million`;
  return `${formatDollars(input)} and ${formatDollars(output)} a million${isBatched ? describeBatches(batch) : ''}`;
}

function describeBatches(share: number | undefined): string {
  return share === undefined ? ', whether or not in batches' : `, times ${String(share)} in batches`;
}

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

function describeRange([low, high]: Range): string {
  const [least, most] = [compact.format(low), compact.format(high)];
  return least === most ? least : `${least} to ${most}`;
}

function describeCost([low, high]: Range): string {
  const [least, most] = [formatDollars(low), formatDollars(high)];
  return least === most ? least : `${least} to ${most}`;
}
