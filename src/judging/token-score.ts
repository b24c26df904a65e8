/**
 * The score that a token writes, 0 to 100, or null where it writes none. Only ASCII digits from end to end count, as in the released
 * rule: no sign, space, fraction or digit of another script. Zeros in front change nothing.
 */
export function tokenScore(token: string): number | null {
  if (!/^[0-9]+$/.test(token)) return null;
  const value = Number(token);
  return value <= 100 ? value : null;
}
