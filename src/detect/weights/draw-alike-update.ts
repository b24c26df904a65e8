import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import { columnOf, type ColumnMatrix } from '../../engine/updates/column-matrix.js';
import { singularValues } from '../../engine/updates/decompose-update.js';
import { factorColumns } from '../../engine/updates/factor-columns.js';
import type { ModuleUpdate, WeightUpdate } from '../../engine/updates/weight-update.js';
import type { RandomStream } from '../../foundation/random-stream.js';

/**
 * An update that means nothing and is as large and as concentrated: of each matrix the same singular values, with
 * directions on both sides that are drawn uniformly: the columns of the Q of normal matrices, whose signs do not
 * matter here. Throws `adapter-invalid` if an element is not finite. Stewart 1980, SIAM Journal on Numerical Analysis
 * 17:403.
 */
export function drawAlikeUpdate(update: WeightUpdate, stream: RandomStream): WeightUpdate {
  return new Map([...update].map(([name, module]) => [name, drawModule(module, stream)]));
}

function drawModule(module: ModuleUpdate, stream: RandomStream): ModuleUpdate {
  const { outputs, inputs } = module;
  const values = singularValues(module);
  const rank = values.length;
  const [left, right] = [drawDirections(outputs, rank, stream), drawDirections(inputs, rank, stream)];
  const b: FloatTensor = { shape: [outputs, rank], data: new Float32Array(outputs * rank) };
  const a: FloatTensor = { shape: [rank, inputs], data: new Float32Array(rank * inputs) };
  for (const [one, value] of values.entries()) {
    columnOf(left, one).forEach((element, output) => (b.data[output * rank + one] = value * element));
    a.data.set(columnOf(right, one), one * inputs);
  }
  return { outputs, inputs, terms: [{ scale: 1, a, b }] };
}

/** Orthogonal columns of length 1. */
function drawDirections(rows: number, columns: number, stream: RandomStream): ColumnMatrix {
  const normal = { rows, columns, data: Float64Array.from({ length: rows * columns }, () => stream.normal()) };
  const identity = { rows: columns, columns, data: new Float64Array(columns * columns) };
  for (let column = 0; column < columns; column += 1) columnOf(identity, column)[column] = 1;
  return factorColumns(normal).rotate(identity);
}
