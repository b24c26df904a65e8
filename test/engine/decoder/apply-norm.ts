/** RMSNorm of every row, in double precision: x / sqrt(mean(x^2) + epsilon) * weight. */
export function applyNorm(rows: Float32Array, weight: Float32Array, epsilon: number): Float32Array {
  const width = weight.length;
  const normed = new Float32Array(rows.length);
  for (let start = 0; start < rows.length; start += width) {
    const squares = rows.subarray(start, start + width).reduce((sum, element) => sum + element * element, 0);
    const inverse = 1 / Math.sqrt(squares / width + epsilon);
    for (let channel = 0; channel < width; channel += 1) {
      normed[start + channel] = rows[start + channel]! * inverse * weight[channel]!;
    }
  }
  return normed;
}
