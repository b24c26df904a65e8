import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import type { RandomStream } from '../../foundation/random-stream.js';

/** Vectors of a residual stream, in double precision. */
export type Vector = readonly number[];

/** The mean of rows `from` up to, not including, `to` of a tensor [rows, width] or [rows, 1, width]; zeros of none. */
export function meanOfRows({ shape, data }: FloatTensor, from: number, to: number): Vector {
  const width = shape.at(-1) ?? 0;
  const sums = new Float64Array(width);
  for (let row = from; row < to; row += 1)
    for (let place = 0; place < width; place += 1) sums[place] = (sums[place] ?? 0) + (data[row * width + place] ?? 0);
  return [...sums].map((sum) => sum / Math.max(1, to - from));
}

/** The mean length of the same rows. */
export function meanLengthOfRows({ shape, data }: FloatTensor, from: number, to: number): number {
  const width = shape.at(-1) ?? 0;
  let sum = 0;
  for (let row = from; row < to; row += 1) sum += Math.hypot(...data.subarray(row * width, (row + 1) * width));
  return sum / Math.max(1, to - from);
}

export function addVectors(left: Vector, right: Vector): Vector {
  return left.map((value, place) => value + (right[place] ?? 0));
}

export function subtractVectors(left: Vector, right: Vector): Vector {
  return left.map((value, place) => value - (right[place] ?? 0));
}

export function multiplyVectors(left: Vector, right: Vector): number {
  return left.reduce((sum, value, place) => sum + value * (right[place] ?? 0), 0);
}

/** A vector of length 1 in the same direction; zeros of zeros. */
export function unitVector(vector: Vector): Vector {
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** A direction of this many elements, each as likely as any other. */
export function drawDirection(width: number, stream: RandomStream): Vector {
  return unitVector(Array.from({ length: width }, () => stream.normal()));
}
