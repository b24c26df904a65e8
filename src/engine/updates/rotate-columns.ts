import { DriftlineError } from '../../foundation/driftline-error.js';
import { type ColumnMatrix, columnOf, dotProduct } from './column-matrix.js';

/** M = left * diag(values) * right^T, values descending; where a value is zero, the column of left is zero, too. */
interface SmallDecomposition {
  readonly values: readonly number[];
  readonly left: ColumnMatrix;
  readonly right: ColumnMatrix;
}

const mostSweeps = 60;

/**
 * The singular value decomposition of a small matrix [rows, columns], rows >= columns, by Jacobi's method on one side: pairs of columns
 * are rotated until all are orthogonal; their lengths then are the singular values. Hestenes 1958, https://doi.org/10.1137/0106005;
 * Demmel and Veselic 1992, https://doi.org/10.1137/0613074, whose test of convergence it has: |g_p . g_q| <= e |g_p| |g_q|.
 * Columns up to e |M| are what rounding has left, and stay as they are: rotating them would never end.
 */
export function rotateColumns(matrix: ColumnMatrix): SmallDecomposition {
  const { rows, columns } = matrix;
  const work = { rows, columns, data: Float64Array.from(matrix.data) };
  const turned = { rows: columns, columns, data: new Float64Array(columns * columns) };
  for (let column = 0; column < columns; column += 1) turned.data[column * columns + column] = 1;
  const precision = rows * Number.EPSILON;
  const smallest = Number.EPSILON ** 2 * dotProduct(work.data, work.data);
  for (let sweep = 0, done = false; !done; sweep += 1) {
    if (sweep === mostSweeps) throw unsettled();
    done = true;
    for (let first = 0; first < columns; first += 1)
      for (let second = first + 1; second < columns; second += 1) {
        const [p, q] = [columnOf(work, first), columnOf(work, second)];
        const [lengthP, lengthQ, product] = [dotProduct(p, p), dotProduct(q, q), dotProduct(p, q)];
        if (Math.min(lengthP, lengthQ) <= smallest) continue;
        if (Math.abs(product) <= precision * Math.sqrt(lengthP) * Math.sqrt(lengthQ)) continue;
        done = false;
        const slope = (lengthQ - lengthP) / (2 * product);
        const tangent = (slope < 0 ? -1 : 1) / (Math.abs(slope) + Math.hypot(1, slope));
        rotate(p, q, tangent);
        rotate(columnOf(turned, first), columnOf(turned, second), tangent);
      }
  }
  const lengths = Array.from({ length: columns }, (_, column) => {
    const one = columnOf(work, column);
    return Math.sqrt(dotProduct(one, one));
  });
  const order = lengths.map((_, column) => column).sort((one, other) => lengths[other]! - lengths[one]!);
  const values = order.map((column) => lengths[column]!);
  const left = pickColumns(work, order);
  values.forEach((value, column) => {
    const one = columnOf(left, column);
    one.forEach((element, row) => {
      one[row] = value === 0 ? 0 : element / value;
    });
  });
  return { values, left, right: pickColumns(turned, order) };
}

/** Turns two columns by the angle of this tangent, in place. */
function rotate(p: Float64Array, q: Float64Array, tangent: number): void {
  const cosine = 1 / Math.hypot(1, tangent);
  const sine = cosine * tangent;
  for (let row = 0; row < p.length; row += 1) {
    const [ofP, ofQ] = [p[row]!, q[row]!];
    p[row] = cosine * ofP - sine * ofQ;
    q[row] = sine * ofP + cosine * ofQ;
  }
}

function pickColumns(matrix: ColumnMatrix, order: readonly number[]): ColumnMatrix {
  const data = new Float64Array(matrix.rows * order.length);
  order.forEach((column, place) => {
    data.set(columnOf(matrix, column), place * matrix.rows);
  });
  return { rows: matrix.rows, columns: order.length, data };
}

function unsettled(): DriftlineError {
  return new DriftlineError({
    code: 'internal-error',
    message: `Singular values did not settle in ${String(mostSweeps)} sweeps`,
    hint: 'Please report this with the adapter that it happened with.',
  });
}
