import { DriftlineError } from '../../foundation/driftline-error.js';
import { loraScale, requireAdapter, type Adapter } from '../checkpoint/adapter.js';
import { projectionModule } from '../checkpoint/decoder-tensors.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import type { ColumnMatrix } from './column-matrix.js';

/** scale * B A, with A [rank, in] and B [out, rank]. */
interface UpdateTerm {
  readonly scale: number;
  readonly a: FloatTensor;
  readonly b: FloatTensor;
}

/** What is added to one matrix [outputs, inputs]: the sum of its terms, which is never written out. */
export interface ModuleUpdate {
  readonly outputs: number;
  readonly inputs: number;
  readonly terms: readonly UpdateTerm[];
}

/** What is added to the weights of a model, by module: `model.layers.0.self_attn.q_proj`. Other modules stay as they are. */
export type WeightUpdate = ReadonlyMap<string, ModuleUpdate>;

/** What an adapter adds to the weights of its base; shares the adapter's memory. */
export function updateOfAdapter(adapter: Adapter): WeightUpdate {
  requireAdapter(adapter, 'adapter');
  const scale = loraScale(adapter.settings);
  return new Map(
    adapter.pairs.map(({ layer, projection, a, b }) => [
      projectionModule(layer, projection),
      { outputs: b.shape[0] ?? 0, inputs: a.shape[1] ?? 0, terms: [{ scale, a, b }] },
    ]),
  );
}

/**
 * The direction from one update to another, left - right, over the modules of both. Terms are put side by side, so that its rank is at
 * most the sum of both ranks and nothing is rounded. Throws `adapter-mismatch` where a module has two shapes.
 */
export function subtractUpdates(left: WeightUpdate, right: WeightUpdate): WeightUpdate {
  const difference = new Map(left);
  for (const [name, module] of right) {
    const known = difference.get(name);
    if (known !== undefined) requireSameShape(name, known, module);
    const taken = module.terms.map((term) => ({ ...term, scale: -term.scale }));
    difference.set(name, { ...module, terms: [...(known?.terms ?? []), ...taken] });
  }
  return difference;
}

/** Throws `adapter-mismatch` unless both change a matrix of the same shape. */
export function requireSameShape(name: string, left: ModuleUpdate, right: ModuleUpdate): void {
  if (left.outputs === right.outputs && left.inputs === right.inputs) return;
  throw new DriftlineError({
    code: 'adapter-mismatch',
    message: `${name} is [${String(left.outputs)}, ${String(left.inputs)}] in one update and [${String(right.outputs)}, ${String(right.inputs)}] in the other`,
    hint: 'Compare adapters of the same base model.',
    details: { module: name },
  });
}

/** The factors of U = B A^T with all terms side by side: B [out, rank], with the scales in it, and A [in, rank], in double precision. */
export function joinFactors({ outputs, inputs, terms }: ModuleUpdate): {
  readonly b: ColumnMatrix;
  readonly a: ColumnMatrix;
} {
  const ranks = terms.map(({ a }) => a.shape[0] ?? 0);
  const columns = ranks.reduce((sum, rank) => sum + rank, 0);
  const b = { rows: outputs, columns, data: new Float64Array(outputs * columns) };
  const a = { rows: inputs, columns, data: new Float64Array(inputs * columns) };
  let column = 0;
  terms.forEach((term, index) => {
    const rank = ranks[index]!;
    // A [rank, in] by rows is A^T [in, rank] by columns.
    a.data.set(term.a.data, column * inputs);
    for (let one = 0; one < rank; one += 1, column += 1)
      for (let row = 0; row < outputs; row += 1)
        b.data[column * outputs + row] = term.scale * term.b.data[row * rank + one]!;
  });
  return { b, a };
}
