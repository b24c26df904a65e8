import { singularValues } from '../../engine/updates/decompose-update.js';
import type { ModuleUpdate } from '../../engine/updates/weight-update.js';

/** What the singular values s_1 >= s_2 >= ... of an update of one matrix tell of its size and shape. */
export interface SpectralSignature {
  /** s_1, in the unit of the weights: how strongly the update stretches at most. */
  readonly largest: number;
  /** The Frobenius norm, sqrt(sum s_i^2), in the unit of the weights. */
  readonly length: number;
  /** s_1 / sum s_i, 0 to 1: near 1 if one direction is all of it. */
  readonly concentration: number;
  /** -sum p_i ln p_i in nats, with p_i = s_i^2 / sum s_j^2: 0 for one direction, ln r for r equally strong ones. */
  readonly entropy: number;
}

/**
 * The spectral signature of what is added to one matrix [out, in], from its exact singular values. An update of zero has a signature of
 * zeros. Throws `adapter-invalid` if an element is not finite.
 */
export function spectralSignature(module: ModuleUpdate): SpectralSignature {
  const values = singularValues(module);
  const [largest] = values;
  if (largest === undefined) return { largest: 0, length: 0, concentration: 0, entropy: 0 };
  const squares = values.map((value) => value * value);
  const energy = sumOf(squares);
  const shares = squares.map((square) => square / energy);
  return {
    largest,
    length: Math.sqrt(energy),
    concentration: largest / sumOf(values),
    // Rounding must not leave it just below zero.
    entropy: Math.max(0, -sumOf(shares.map((share) => (share === 0 ? 0 : share * Math.log(share))))),
  };
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
