import { addMultiple, type ColumnMatrix, columnOf, dotProduct } from './column-matrix.js';

/** M = Q R, with Q [rows, k] of orthonormal columns and R [k, columns] upper triangular, k = min(rows, columns). */
export interface ColumnFactors {
  readonly triangle: ColumnMatrix;
  /** Q times a matrix [k, any]. */
  readonly rotate: (matrix: ColumnMatrix) => ColumnMatrix;
}

/**
 * The QR factorisation of a matrix by Householder's reflections H = 1 - beta v v^T, from which Q is never formed: Golub and Van Loan,
 * Matrix Computations, 4th edition, 5.2.2. The diagonal of R may be negative or zero.
 */
export function factorColumns(matrix: ColumnMatrix): ColumnFactors {
  const { rows, columns } = matrix;
  const size = Math.min(rows, columns);
  const work = { rows, columns, data: Float64Array.from(matrix.data) };
  const triangle = { rows: size, columns, data: new Float64Array(size * columns) };
  const reflections: { readonly vector: Float64Array; readonly beta: number }[] = [];
  for (let column = 0; column < columns; column += 1) {
    const current = columnOf(work, column);
    reflections.forEach((reflection, start) => {
      reflect(current.subarray(start), reflection);
    });
    const above = columnOf(triangle, column);
    above.set(current.subarray(0, Math.min(column, size)));
    if (column >= size) continue;
    const vector = current.subarray(column);
    const length = Math.sqrt(dotProduct(vector, vector));
    // Of the two reflections onto the axis, the one that adds numbers of the same sign.
    const diagonal = vector[0]! > 0 ? -length : length;
    above[column] = diagonal;
    vector[0] = vector[0]! - diagonal;
    reflections.push({ vector, beta: length === 0 ? 0 : 2 / dotProduct(vector, vector) });
  }
  return {
    triangle,
    rotate: (inner) => {
      const outer = { rows, columns: inner.columns, data: new Float64Array(rows * inner.columns) };
      for (let column = 0; column < inner.columns; column += 1) {
        const target = columnOf(outer, column);
        target.set(columnOf(inner, column));
        for (let start = size - 1; start >= 0; start -= 1) reflect(target.subarray(start), reflections[start]!);
      }
      return outer;
    },
  };
}

function reflect(
  target: Float64Array,
  { vector, beta }: { readonly vector: Float64Array; readonly beta: number },
): void {
  if (beta !== 0) addMultiple(target, -beta * dotProduct(vector, target), vector);
}
