/**
 * Pearson's statistic of counts against probabilities, as standard deviations above its mean under the null hypothesis.
 * Outcomes that are expected fewer than five times are taken together.
 */
export function fitExcess(outcomes: readonly number[], probabilities: ArrayLike<number>): number {
  const counts = new Array<number>(probabilities.length).fill(0);
  for (const outcome of outcomes) counts[outcome]! += 1;
  const cells: { expected: number; found: number }[] = [];
  const rare = { expected: 0, found: 0 };
  counts.forEach((found, outcome) => {
    const expected = outcomes.length * probabilities[outcome]!;
    if (expected >= 5) cells.push({ expected, found });
    else {
      rare.expected += expected;
      rare.found += found;
    }
  });
  if (rare.expected > 0) cells.push(rare);
  const statistic = cells.reduce((sum, { expected, found }) => sum + (found - expected) ** 2 / expected, 0);
  const freedom = cells.length - 1;
  return (statistic - freedom) / Math.sqrt(2 * freedom);
}
