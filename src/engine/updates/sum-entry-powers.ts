import { addMultiple, type ColumnMatrix, columnOf, dotProduct } from './column-matrix.js';
import { joinFactors, type ModuleUpdate } from './weight-update.js';

/** Sums of the first to the fourth power of all elements, in powers of the unit of the weights. */
export type PowerSums = readonly [first: number, second: number, third: number, fourth: number];

/**
 * The sums of powers of all elements of what is added to one matrix [out, in], exact up to rounding; the update is not written out. Of
 * the two ways the one with fewer operations is taken: rank out in by rows, (out + in) (rank + 3 over 4) by factors.
 */
export function sumEntryPowers(module: ModuleUpdate): PowerSums {
  const { outputs, inputs } = module;
  const { b, a } = joinFactors(module);
  const rank = b.columns;
  const products = (rank * (rank + 1) * (rank + 2) * (rank + 3)) / 24;
  const byFactors = (outputs + inputs) * products < outputs * inputs * rank;
  return byFactors ? sumPowersByFactors(b, a) : sumPowersByRows(b, a);
}

/** Row by row: x = sum over i of b_i A_i. */
export function sumPowersByRows(b: ColumnMatrix, a: ColumnMatrix): PowerSums {
  const row = new Float64Array(a.rows);
  let [first, second, third, fourth] = [0, 0, 0, 0];
  for (let output = 0; output < b.rows; output += 1) {
    row.fill(0);
    for (let one = 0; one < b.columns; one += 1) addMultiple(row, b.data[one * b.rows + output]!, columnOf(a, one));
    for (const element of row) {
      const square = element * element;
      first += element;
      second += square;
      third += square * element;
      fourth += square * square;
    }
  }
  return [first, second, third, fourth];
}

/**
 * With x_on = sum over i of b_oi a_ni, the sum of x^4 over o and n is the sum over i, j, k and l of
 * (sum over o of b_oi b_oj b_ok b_ol) (sum over n of a_ni a_nj a_nk a_nl), and so for lower powers. Terms that only differ in the order of
 * their indices are equal: i <= j <= k <= l is enough, times the number of orders.
 */
export function sumPowersByFactors(b: ColumnMatrix, a: ColumnMatrix): PowerSums {
  const sums: [number, number, number, number] = [0, 0, 0, 0];
  const products = [b, a].map(({ rows }) => [0, 1, 2, 3].map(() => new Float64Array(rows)));
  const add = (depth: number, from: number, orders: number, equal: number): void => {
    for (let one = from; one < b.columns; one += 1) {
      const isRepeated = one === from && depth > 0;
      const run = isRepeated ? equal + 1 : 1;
      // (depth + 1)! over the factorials of how often each index is there, one index at a time.
      const counted = (orders * (depth + 1)) / run;
      let term = counted;
      [b, a].forEach((factor, side) => {
        const column = columnOf(factor, one);
        const before = products[side]![depth - 1];
        if (depth === 3) {
          term *= dotProduct(before!, column);
          return;
        }
        const product = products[side]![depth]!;
        let sum = 0;
        for (let row = 0; row < product.length; row += 1) {
          product[row] = (before?.[row] ?? 1) * column[row]!;
          sum += product[row]!;
        }
        term *= sum;
      });
      sums[depth] = sums[depth]! + term;
      if (depth < 3) add(depth + 1, one, counted, run);
    }
  };
  add(0, 0, 1, 0);
  return sums;
}
