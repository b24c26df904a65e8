import { createRandomStream } from '../../foundation/random-stream.js';

/**
 * The rows of one step, out of an endless sequence of epochs, each with an order of its own that depends on nothing but
 * seed, stream name and epoch: so a run can be continued at any step. An epoch's last step takes what is left.
 */
export function createRowOrder(settings: {
  readonly rows: number;
  readonly rowsPerStep: number;
  readonly seed: number;
  readonly stream: string;
  readonly shuffle: boolean;
}): (step: number) => readonly number[] {
  const { rows, rowsPerStep, seed, stream, shuffle } = settings;
  const stepsPerEpoch = Math.ceil(rows / rowsPerStep);
  const natural = Array.from({ length: rows }, (_, row) => row);
  let known = { epoch: -1, order: natural };
  return (step) => {
    const epoch = Math.floor(step / stepsPerEpoch);
    if (shuffle && epoch !== known.epoch) {
      known = { epoch, order: createRandomStream(seed, 'order', stream, epoch).shuffle(natural) };
    }
    const start = (step % stepsPerEpoch) * rowsPerStep;
    return known.order.slice(start, start + rowsPerStep);
  };
}
