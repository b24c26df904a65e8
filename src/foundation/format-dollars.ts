/** To the cent, and small sums to two digits that count. */
export function formatDollars(dollars: number): string {
  return `$${dollars >= 0.1 || dollars === 0 ? dollars.toFixed(2) : dollars.toPrecision(2)}`;
}
