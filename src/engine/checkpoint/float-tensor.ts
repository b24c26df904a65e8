/** A dense float32 tensor in row-major order; `data.length` is the product of `shape`. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The number of elements of a tensor of this shape. */
export function countElements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
