import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { wantsLogProbabilities, type AnswerSequence } from './answer-sequence.js';
import type { DecodeRunner } from './decode-runner.js';
import type { KeyValueCache } from './key-value-cache.js';
import { pickToken, topTokens } from './pick-token.js';
import { cacheOutputs, floats, rowOf } from './prefill-prompts.js';

/** Logits times this stay finite; lower temperatures leave only the likeliest token anyway. */
const largestInverseTemperature = 1e30;

/**
 * Draws the next token of every sequence, which occupy the first slots of the cache in their order.
 * @returns the sequences for which the model gave no finite probabilities
 */
export async function drawTokens(
  config: DecoderConfig,
  runner: DecodeRunner,
  cache: KeyValueCache,
  active: readonly AnswerSequence[],
): Promise<AnswerSequence[]> {
  // A single row would take another path through the runtime's matrix products, and round differently.
  const rows = Math.max(2, active.length);
  cache.reserve(Math.max(...active.map((_, slot) => cache.lengths[slot]!)) + 1);
  const { past } = cache;
  const mask = new Float32Array(rows * (past + 1)).fill(-Infinity);
  const positions = new BigInt64Array(rows);
  const ids = new BigInt64Array(rows);
  const inverseTemperatures = new Float32Array(rows).fill(1);
  const uniforms = new Float32Array(rows);
  for (let row = 0; row < rows; row += 1) mask[row * (past + 1) + past] = 0;
  active.forEach((sequence, row) => {
    const length = cache.lengths[row]!;
    mask.fill(0, row * (past + 1), row * (past + 1) + length);
    // It attends to what the cache has of itself, in place of its own keys and values.
    if (sequence.isLastCached) mask[row * (past + 1) + past] = -Infinity;
    positions[row] = BigInt(sequence.isLastCached ? length - 1 : length);
    ids[row] = BigInt(sequence.last);
    if (sequence.settings.temperature > 0) {
      inverseTemperatures[row] = Math.min(1 / sequence.settings.temperature, largestInverseTemperature);
      uniforms[row] = Math.min(Math.fround(sequence.stream.uniform()), 1 - 2 ** -24);
    }
  });
  const needsAll = active.some(
    (sequence) =>
      sequence.settings.topP < 1 ||
      sequence.settings.topK > 0 ||
      (sequence.settings.topLogProbabilities > 0 && wantsLogProbabilities(sequence)),
  );
  const outputs = await runner.run(
    {
      rows,
      length: 1,
      ids,
      positions,
      mask,
      past,
      cache: cache.feeds(rows),
      scored: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
      labels: new BigInt64Array(rows),
      inverseTemperatures,
      uniforms,
      edited: true,
    },
    [
      ...cacheOutputs(config),
      'token',
      'greedy',
      'token-log-probability',
      'greedy-log-probability',
      ...(needsAll ? ['log-probabilities'] : []),
    ],
  );
  for (let layer = 0; layer < config.layers; layer += 1) {
    cache.append(
      active.length,
      layer,
      floats(outputs, `keys:${String(layer)}`),
      floats(outputs, `values:${String(layer)}`),
    );
  }
  const broken: AnswerSequence[] = [];
  active.forEach((sequence, row) => {
    // What was appended for a token that the cache has already lies behind its end, and is overwritten next.
    if (sequence.isLastCached) sequence.isLastCached = false;
    else cache.lengths[row]! += 1;
    const { temperature, topP, topK } = sequence.settings;
    const greedy = temperature === 0;
    let id = Number(outputs[greedy ? 'greedy' : 'token']!.data[row]);
    let logProbability = floats(outputs, greedy ? 'greedy-log-probability' : 'token-log-probability')[row]!;
    const all = needsAll ? rowOf(floats(outputs, 'log-probabilities'), row, config.vocabulary) : null;
    if (all !== null && !greedy && (topP < 1 || topK > 0)) {
      id = pickToken(all, { temperature, topP, topK }, uniforms[row]!);
      logProbability = all[id]!;
    }
    if (!Number.isFinite(logProbability)) {
      broken.push(sequence);
      return;
    }
    sequence.last = id;
    if (wantsLogProbabilities(sequence)) {
      const { topLogProbabilities } = sequence.settings;
      sequence.logProbabilities.push({
        id,
        logProbability,
        top: all !== null && topLogProbabilities > 0 ? topTokens(all, topLogProbabilities) : [],
      });
    }
    if (!sequence.stopTokens.has(id)) sequence.ids.push(id);
  });
  return broken;
}
