import { DriftlineError } from '../../foundation/driftline-error.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { multiplyMatrix, multiplyUpdates } from '../updates/multiply-updates.js';
import type { WeightUpdate } from '../updates/weight-update.js';
import { trainedParameterShapes } from './gradient-graph.js';
import { differentiatedPart, readRowGradients, type RowGradientSettings } from './row-gradients.js';

/** A tensor in double precision, in row-major order. */
interface DoubleTensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** A direction in the space of some parameters, which gradients are multiplied with. */
export interface GradientDirection {
  /** The sum of squares of all elements. */
  readonly squaredLength: number;
  /** By the name of the parameter. */
  readonly parts: ReadonlyMap<string, DirectionPart>;
}

interface DirectionPart {
  readonly shape: readonly number[];
  /** The inner product with a gradient of this shape, in double precision. */
  readonly multiply: (gradient: Float32Array) => number;
}

/** The direction that joins the given tensors, by the names of parameters, such as a mean gradient. */
export function directionOfTensors(tensors: ReadonlyMap<string, FloatTensor | DoubleTensor>): GradientDirection {
  const parts = new Map<string, DirectionPart>();
  let squaredLength = 0;
  for (const [name, { shape, data }] of tensors) {
    squaredLength += multiply(data, data);
    parts.set(name, { shape, multiply: (gradient) => multiply(data, gradient) });
  }
  return { squaredLength, parts };
}

/** The direction of an update in the space of all weights; it is not written out. */
export function directionOfUpdate(update: WeightUpdate): GradientDirection {
  const parts = new Map<string, DirectionPart>();
  for (const [name, module] of update)
    parts.set(`${name}.weight`, {
      shape: [module.outputs, module.inputs],
      multiply: (gradient) => multiplyMatrix(module, gradient),
    });
  // That of the difference of two nearly equal updates may come out just below zero.
  return { squaredLength: Math.max(0, multiplyUpdates(update, update)), parts };
}

/**
 * The mean of the rows' own gradients, in nats per unit of each parameter: sum over i of grad loss_i / rows, in which each row counts the
 * same however many tokens it has. Rows are read one by one and summed in double precision. Throws what `readRowGradients` throws.
 */
export async function meanGradient(
  settings: RowGradientSettings,
  onProgress?: (done: number, total: number) => void,
): Promise<ReadonlyMap<string, DoubleTensor>> {
  const total = settings.rows.length;
  const mean = new Map<string, DoubleTensor>();
  for await (const { row, gradients } of readRowGradients(settings)) {
    for (const [name, { shape, data }] of gradients) {
      const sum = mean.get(name)?.data ?? new Float64Array(data.length);
      for (let i = 0; i < sum.length; i += 1) sum[i] = sum[i]! + data[i]! / total;
      mean.set(name, { shape, data: sum });
    }
    onProgress?.(row + 1, total);
  }
  return mean;
}

/** <gradient, direction>, and the squared length of the gradient over the parameters that the direction has. */
export function multiplyGradient(
  gradients: ReadonlyMap<string, FloatTensor>,
  direction: GradientDirection,
): { readonly product: number; readonly squaredLength: number } {
  let [product, squaredLength] = [0, 0];
  for (const [name, part] of direction.parts) {
    const gradient = gradients.get(name)?.data;
    // The loss does not depend on it.
    if (gradient === undefined) continue;
    product += part.multiply(gradient);
    squaredLength += multiply(gradient, gradient);
  }
  return { product, squaredLength };
}

/** Throws `usage-invalid` unless gradients of these settings have every parameter of the direction, in the same shape. */
export function checkDirection(
  direction: GradientDirection,
  settings: Pick<RowGradientSettings, 'base' | 'adapter'>,
): void {
  const shapes = trainedParameterShapes(settings.base.config, differentiatedPart(settings));
  for (const [name, { shape }] of direction.parts) {
    const known = shapes.get(name);
    if (known?.join() === shape.join()) continue;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `The direction has ${name} [${shape.join(', ')}], and gradients ${known === undefined ? 'do not have it' : `have it as [${known.join(', ')}]`}`,
      hint: `Give a direction among ${[...shapes.keys()].slice(0, 3).join(', ')} and so on: the update of an adapter lies in the space of all weights, so leave "adapter" out with it.`,
      details: { parameter: name },
    });
  }
}

function multiply(left: Float32Array | Float64Array, right: Float32Array | Float64Array): number {
  let sum = 0;
  for (let i = 0; i < left.length; i += 1) sum += left[i]! * right[i]!;
  return sum;
}
