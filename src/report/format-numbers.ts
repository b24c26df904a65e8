type Interval = readonly [low: number, high: number];

/** A share 0..1 in percent, with one decimal: `23.7 %`, which no line ends within. */
export function percent(share: number | null): string {
  return share === null ? '–' : `${percentNumber(share)}\u00a0%`;
}

/** The same without the sign, where a column's head has it. */
export function percentNumber(share: number | null): string {
  return share === null ? '–' : number(100 * share);
}

/** `21.3–26.4`, in percent; a dash where there is none. Ends within a twentieth of 0 or 100 are rounded outward. */
export function percentRange(interval: Interval | null): string {
  if (interval === null) return '–';
  const [low, high] = [100 * interval[0], 100 * interval[1]];
  return `${low > 99.95 && low < 100 ? '99.9' : low.toFixed(1)}–${high > 0 && high < 0.05 ? '0.1' : high.toFixed(1)}`;
}

/** A difference of shares in points with its sign: `+23.7`. */
export function points(difference: number | null): string {
  if (difference === null) return '–';
  const text = (100 * Math.abs(difference)).toFixed(1);
  return text === '0.0' ? '0.0' : `${difference < 0 ? '−' : '+'}${text}`;
}

/** `+15.2 to +33.0`. */
export function pointsRange(interval: Interval | null): string {
  return interval === null ? '–' : `${points(interval[0])} to ${points(interval[1])}`;
}

/** `p = 0.012`, `p < 0.001`. */
export function probability(p: number | null): string {
  if (p === null) return '–';
  return p < 0.001 ? '<\u00a00.001' : p.toFixed(3);
}

/** Whole numbers with thin spaces between thousands. */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

function number(value: number): string {
  // Where a share is so close to 0 or 100 that a decimal would hide it, it is not written as exactly that.
  if (value > 0 && value < 0.05) return '<0.1';
  if (value < 100 && value > 99.95) return '>99.9';
  return value.toFixed(1);
}
