import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { buildCausalMask } from '../decoder/decoder-inputs.js';
import { noDraws, type DecodeRunner } from './decode-runner.js';
import { layOutGiven } from './key-value-override.js';
import { floats } from './prefill-prompts.js';

/** The logits after every token of a row: [tokens, vocabulary]. */
export async function readLogits(
  config: DecoderConfig,
  runner: DecodeRunner,
  ids: readonly number[],
): Promise<FloatTensor> {
  const length = ids.length;
  const everyPosition = BigInt64Array.from(ids, (_, position) => BigInt(position));
  const outputs = await runner.run(
    {
      rows: 1,
      length,
      ids: BigInt64Array.from(ids, BigInt),
      positions: everyPosition,
      mask: buildCausalMask(length).data,
      ...layOutGiven(config, [undefined]),
      scored: everyPosition,
      ...noDraws,
      labels: new BigInt64Array(length),
      edited: true,
    },
    ['logits'],
  );
  return { shape: [length, config.vocabulary], data: floats(outputs, 'logits') };
}
