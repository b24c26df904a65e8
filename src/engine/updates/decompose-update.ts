import { DriftlineError } from '../../foundation/driftline-error.js';
import { type ColumnMatrix, columnOf } from './column-matrix.js';
import { factorColumns } from './factor-columns.js';
import { rotateColumns } from './rotate-columns.js';
import { joinFactors, type ModuleUpdate } from './weight-update.js';

/** U = sum over i of values_i left_i right_i^T; vectors are columns of length 1, orthogonal to each other. */
export interface UpdateDecomposition {
  /** Descending, in the unit of the weights, without those that are zero. */
  readonly values: readonly number[];
  /** [outputs, values]. */
  readonly left: ColumnMatrix;
  /** [inputs, values]; the element of each column that is largest in size is positive, which settles the signs of both. */
  readonly right: ColumnMatrix;
}

/**
 * The singular value decomposition of what is added to one matrix, without writing it out. With B [out, r] and A [in, r] the factors of
 * U = B A^T over all terms, B = Q_B R_B, A = Q_A R_A, and R_B R_A^T = u diag(s) v^T, it is U = (Q_B u) diag(s) (Q_A v)^T:
 * 4 (in + out) r^2 operations and again as many for the vectors. All in double precision; values up to its rounding,
 * r e |R_B| |R_A| with e = 2^-52 and Frobenius norms, are zero, and so an update of zero has no values. Throws `adapter-invalid` if an
 * element is not finite. Golub and Van Loan, Matrix Computations, 4th edition, 5.2 and 8.6.
 */
export function decomposeUpdate(module: ModuleUpdate): UpdateDecomposition {
  const { values, outer, inner, b, a, isTransposed } = decomposeCore(module);
  const left = b.rotate(isTransposed ? inner : outer);
  const right = a.rotate(isTransposed ? outer : inner);
  for (let column = 0; column < values.length; column += 1)
    settleSigns(columnOf(left, column), columnOf(right, column));
  return { values, left, right };
}

/** The singular values alone, as `decomposeUpdate` has them, in half the time. */
export function singularValues(module: ModuleUpdate): readonly number[] {
  return decomposeCore(module).values;
}

/** The decomposition of R_B R_A^T, or of its transpose where it is wider than high. */
function decomposeCore(module: ModuleUpdate) {
  const factors = joinFactors(module);
  const [b, a] = [factorColumns(factors.b), factorColumns(factors.a)];
  const size = frobenius(b.triangle) * frobenius(a.triangle);
  if (!Number.isFinite(size)) throw notFinite();
  const isTransposed = b.triangle.rows < a.triangle.rows;
  const core = isTransposed ? multiplyTriangles(a.triangle, b.triangle) : multiplyTriangles(b.triangle, a.triangle);
  const { values, left, right } = rotateColumns(core);
  const kept = values.filter((value) => value > factors.b.columns * Number.EPSILON * size);
  return {
    values: kept,
    outer: firstColumns(left, kept.length),
    inner: firstColumns(right, kept.length),
    ...{ b, a, isTransposed },
  };
}

/** left right^T of two upper triangular matrices with equally many columns. */
function multiplyTriangles(left: ColumnMatrix, right: ColumnMatrix): ColumnMatrix {
  const data = new Float64Array(left.rows * right.rows);
  for (let one = 0; one < left.columns; one += 1) {
    const [ofLeft, ofRight] = [columnOf(left, one), columnOf(right, one)];
    for (let column = 0; column < right.rows; column += 1)
      for (let row = 0; row < left.rows; row += 1)
        data[column * left.rows + row] = data[column * left.rows + row]! + ofLeft[row]! * ofRight[column]!;
  }
  return { rows: left.rows, columns: right.rows, data };
}

function firstColumns({ rows, data }: ColumnMatrix, columns: number): ColumnMatrix {
  return { rows, columns, data: data.slice(0, rows * columns) };
}

function settleSigns(left: Float64Array, right: Float64Array): void {
  const largest = right.reduce((most, element) => (Math.abs(element) > Math.abs(most) ? element : most), 0);
  if (largest >= 0) return;
  for (const vector of [left, right])
    vector.forEach((element, row) => {
      vector[row] = -element;
    });
}

function frobenius({ data }: ColumnMatrix): number {
  return Math.sqrt(data.reduce((sum, element) => sum + element * element, 0));
}

function notFinite(): DriftlineError {
  return new DriftlineError({
    code: 'adapter-invalid',
    message: 'The update of a matrix has elements that are not finite',
    hint: 'Check how the adapter was trained: its loss may have diverged.',
  });
}
