/** A dense float32 tensor in row-major order; `data.length` is the product of `shape`. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
