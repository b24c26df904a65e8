import type { Range } from '../judging/estimate-judge-use.js';
import { addCosts, type HostedUse } from '../experiment/run/hosted-use.js';

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

function describeUse({
  model,
  purpose,
  calls,
  count,
  inputTokens,
  outputTokens,
  isBatched,
  price,
  cost,
}: HostedUse): string {
  const what =
    purpose === 'answers'
      ? `${String(count)} answers`
      : `${String(count)} judgements in ${String(calls)} calls, its calibration included`;
  const tokens = `${describeRange(inputTokens)} tokens in, ${describeRange(outputTokens)} out`;
  const money =
    cost === null || price === null
      ? 'its price is not known: set it under prices in the plan'
      : `${describeCost(cost)} by ${price.source} (${describeDollars(price.input)} and ${describeDollars(price.output)} a million${isBatched ? describeBatches(price.batch) : ''}), which may be out of date`;
  return `${model}: ${what}, ${tokens}; ${money}`;
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
  const [least, most] = [describeDollars(low), describeDollars(high)];
  return least === most ? least : `${least} to ${most}`;
}

/** To the cent, and small sums to two digits that count. */
function describeDollars(dollars: number): string {
  return `$${dollars >= 0.1 || dollars === 0 ? dollars.toFixed(2) : dollars.toPrecision(2)}`;
}
