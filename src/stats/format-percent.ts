/** A share 0..1 as percent with one decimal, without a sign; a dash where there is none. */
export function formatPercent(share: number | null): string {
  return share === null ? '-' : (100 * share).toFixed(1);
}
