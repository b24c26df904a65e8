/** A matrix [rows, columns] in double precision whose columns lie one after the other: element (i, j) is data[j * rows + i]. */
export interface ColumnMatrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** A view of one column. */
export function columnOf({ rows, data }: ColumnMatrix, column: number): Float64Array {
  return data.subarray(column * rows, (column + 1) * rows);
}

/** The inner product of two vectors of the same length. */
export function dotProduct(left: Float64Array, right: Float64Array): number {
  // Four sums at once: a single one waits for each addition before the next.
  let [first, second, third, fourth] = [0, 0, 0, 0];
  const whole = left.length - (left.length % 4);
  for (let i = 0; i < whole; i += 4) {
    first += left[i]! * right[i]!;
    second += left[i + 1]! * right[i + 1]!;
    third += left[i + 2]! * right[i + 2]!;
    fourth += left[i + 3]! * right[i + 3]!;
  }
  for (let i = whole; i < left.length; i += 1) first += left[i]! * right[i]!;
  return first + second + (third + fourth);
}

/** target += factor * source, element by element. */
export function addMultiple(target: Float64Array, factor: number, source: Float64Array): void {
  for (let i = 0; i < target.length; i += 1) target[i] = target[i]! + factor * source[i]!;
}
