/** log(2 pi) / 2. */
const halfLogTwoPi = 0.9189385332046728;

/** The logarithm of the gamma function for values above 0, absolute error about 1e-14 of its size, by Stirling's series (DLMF 5.11.1). */
export function logGamma(value: number): number {
  // gamma(x) = gamma(x + 1) / x, up to where the series is exact.
  let product = 1;
  let at = value;
  for (; at < 10; at += 1) product *= at;
  const square = at ** 2;
  const series =
    (1 / 12 -
      (1 / 360 - (1 / 1260 - (1 / 1680 - (1 / 1188 - 691 / 360360 / square) / square) / square) / square) / square) /
    at;
  return (at - 0.5) * Math.log(at) - at + halfLogTwoPi + series - Math.log(product);
}

/** log(x (x + 1) ... (x + count - 1)), that is log gamma(x + count) / gamma(x), for x above 0. */
export function logRisingFactorial(x: number, count: number): number {
  if (count > 64) return logGamma(x + count) - logGamma(x);
  let logarithm = 0;
  let product = 1;
  for (let step = 0; step < count; step += 1) {
    product *= x + step;
    if (product > 1e250 || product < 1e-250) {
      logarithm += Math.log(product);
      product = 1;
    }
  }
  return logarithm + Math.log(product);
}
