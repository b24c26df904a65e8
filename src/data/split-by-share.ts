/** Whole numbers that add up to `total` times the sum of the shares, each exact to rounding. */
export function splitByShare(total: number, shares: readonly number[]): number[] {
  let sum = 0;
  let given = 0;
  return shares.map((share) => {
    sum += share;
    const end = Math.round(total * sum);
    const count = end - given;
    given = end;
    return count;
  });
}
