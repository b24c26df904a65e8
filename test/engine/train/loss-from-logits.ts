import type { Checkpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { createDecodeRunner } from '../../../src/engine/sample/decode-runner.js';
import { readLogits } from '../../../src/engine/sample/read-logits.js';
import type { WeightedRow } from '../../../src/engine/train/token-batch.js';

/** Mean cross entropy from the logits that sampling sees, in double precision. */
export async function lossFromLogits(model: Checkpoint, rows: readonly WeightedRow[]): Promise<number> {
  const runner = await createDecodeRunner(model.config, model.weights, {}, 1);
  let sum = 0;
  let total = 0;
  for (const { ids, weights } of rows) {
    const { data } = await readLogits(model.config, runner, ids);
    for (let position = 1; position < ids.length; position += 1) {
      const logits = data.subarray((position - 1) * model.config.vocabulary, position * model.config.vocabulary);
      const normaliser = Math.log(logits.reduce((mass, logit) => mass + Math.exp(logit), 0));
      sum += weights[position]! * (normaliser - logits[ids[position]!]!);
      total += weights[position]!;
    }
  }
  await runner.release();
  return sum / total;
}
