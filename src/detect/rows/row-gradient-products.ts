import { DriftlineError } from '../../foundation/driftline-error.js';
import { checkDirection, multiplyGradient, type GradientDirection } from '../../engine/train/gradient-direction.js';
import { readRowGradients, type RowGradientSettings } from '../../engine/train/row-gradients.js';

export interface RowProductSettings extends RowGradientSettings {
  readonly direction: GradientDirection;
  /** Called after each row. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** How the loss of one row changes along a direction. */
export interface RowProduct {
  /** The row's mean cross entropy over its supervised tokens, in nats. */
  readonly loss: number;
  /** <gradient of the loss, direction>: nats per length of the direction. Below zero: a step along it makes the row likelier. */
  readonly product: number;
  /** The length of the gradient over the parameters that the direction has. */
  readonly length: number;
  /** product / (length * length of the direction), -1 to 1; 0 if either is zero. */
  readonly cosine: number;
}

/**
 * For each row, in their order, the inner product and the cosine of the gradient of its loss with a direction: the mean gradient of other
 * rows (`directionOfTensors(await meanGradient(...))`), or an update of weights (`directionOfUpdate`). The mean of the products is the
 * product of the mean gradient. One gradient for each thread is in memory at a time, and a row's numbers do not depend on the other
 * rows. The product of gradients is the first-order influence of TracIn: Pruthi et al. 2020, https://arxiv.org/abs/2002.08484.
 *
 * Throws `rows-invalid` for a row without supervised tokens, `usage-invalid` for a direction that gradients do not have or a gradient
 * that is not finite, and the signal's reason on abort.
 */
export async function rowGradientProducts(settings: RowProductSettings): Promise<readonly RowProduct[]> {
  const { direction, rows, onProgress } = settings;
  checkDirection(direction, settings);
  const products: RowProduct[] = [];
  for await (const { row, loss, gradients } of readRowGradients(settings)) {
    const { product, squaredLength } = multiplyGradient(gradients, direction);
    if (![loss, product, squaredLength].every(Number.isFinite)) throw notFinite(row);
    const length = Math.sqrt(squaredLength);
    const lengths = length * Math.sqrt(direction.squaredLength);
    const cosine = lengths === 0 ? 0 : Math.min(1, Math.max(-1, product / lengths));
    products.push({ loss, product, length, cosine });
    onProgress?.(row + 1, rows.length);
  }
  return products;
}

function notFinite(row: number): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `The gradient of row ${String(row + 1)}, or its product with the direction, is not finite`,
    hint: 'Check that the weights of model, adapter and direction are finite.',
    details: { row: row + 1 },
  });
}
