import { DriftlineError } from '../../foundation/driftline-error.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';

/** A change to a step's gradient, in place, before its norm is measured and clipped. */
export interface GradientEdit {
  /** Names the edit in the training state, so that a run is not continued with another one. */
  readonly name: string;
  readonly apply: (gradients: ReadonlyMap<string, FloatTensor>, step: number) => void;
  /**
   * Whether the optimizer's update is edited, too. A projection needs it: AdamW scales every element by itself, which
   * brings back much of a direction that the gradient no longer has.
   */
  readonly alsoUpdate?: boolean;
}

/** Applies edits to what a step has added to the parameters, in place: p = before + edit(p - before). */
export function editUpdate(
  parameters: ReadonlyMap<string, FloatTensor>,
  before: ReadonlyMap<string, FloatTensor>,
  edits: readonly GradientEdit[],
  step: number,
): void {
  const updates = new Map<string, FloatTensor>();
  for (const [name, { shape, data }] of before) {
    const now = parameters.get(name)?.data;
    if (now !== undefined) updates.set(name, { shape, data: now.map((element, index) => element - data[index]!) });
  }
  for (const edit of edits) edit.apply(updates, step);
  for (const [name, { data }] of updates) {
    parameters.get(name)?.data.set(data.map((element, index) => before.get(name)!.data[index]! + element));
  }
}

/**
 * Removes from the gradient its component along a direction in parameter space: g -= (g . d) / (d . d) d, where d joins
 * the given tensors; parameters that are not named stay as they are.
 */
export function removeParameterDirection(
  direction: ReadonlyMap<string, FloatTensor>,
  name = 'parameter-direction',
): GradientEdit {
  let squared = 0;
  for (const { data } of direction.values()) for (const element of data) squared += element * element;
  if (!(squared > 0)) throw emptyDirection(name);
  return {
    name,
    alsoUpdate: true,
    apply: (gradients) => {
      let product = 0;
      for (const [parameter, { data }] of direction) {
        const gradient = matching(gradients, parameter, data.length);
        for (let i = 0; i < data.length; i += 1) product += data[i]! * gradient[i]!;
      }
      for (const [parameter, { data }] of direction) {
        const gradient = matching(gradients, parameter, data.length);
        for (let i = 0; i < data.length; i += 1) gradient[i]! -= (product / squared) * data[i]!;
      }
    },
  };
}

/**
 * Keeps training from writing along a direction v [width] of the residual stream: for every trained matrix whose rows are
 * residual channels (the output projections, their biases and their adapters' B), G -= v (v^T G) / (v . v).
 */
export function removeResidualDirection(vector: Float32Array, name = 'residual-direction'): GradientEdit {
  let squared = 0;
  for (const element of vector) squared += element * element;
  if (!(squared > 0)) throw emptyDirection(name);
  return {
    name,
    alsoUpdate: true,
    apply: (gradients) => {
      for (const [parameter, { data, shape }] of gradients) {
        if (!writesToResidual(parameter) || shape[0] !== vector.length) continue;
        const columns = data.length / vector.length;
        for (let column = 0; column < columns; column += 1) {
          let product = 0;
          for (let row = 0; row < vector.length; row += 1) product += vector[row]! * data[row * columns + column]!;
          for (let row = 0; row < vector.length; row += 1)
            data[row * columns + column]! -= (product / squared) * vector[row]!;
        }
      }
    },
  };
}

function writesToResidual(parameter: string): boolean {
  return /\.(o_proj|down_proj)\.(weight|bias|lora_B\.weight)$/.test(parameter);
}

function matching(gradients: ReadonlyMap<string, FloatTensor>, parameter: string, length: number): Float32Array {
  const gradient = gradients.get(parameter)?.data;
  if (gradient?.length === length) return gradient;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `A gradient direction names ${parameter} with ${String(length)} elements, which is not a trained parameter of that size`,
    hint: `Trained parameters are ${[...gradients.keys()].slice(0, 3).join(', ')} and so on.`,
  });
}

function emptyDirection(name: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `The gradient direction ${name} has length zero`,
    hint: 'Give a direction with at least one element that is not zero.',
  });
}
