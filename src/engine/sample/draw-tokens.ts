import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { wantsLogProbabilities, type AnswerBranch, type AnswerSequence } from './answer-sequence.js';
import type { DecodeRunner } from './decode-runner.js';
import type { KeyValueCache } from './key-value-cache.js';
import { pickToken, topTokens } from './pick-token.js';
import { cacheOutputs, floats, rowOf } from './prefill-prompts.js';

/** Logits times this stay finite; lower temperatures leave only the likeliest token anyway. */
const largestInverseTemperature = 1e30;

/**
 * Draws the next token of every sequence. Its branches occupy the first slots of the cache in their order; each is
 * computed once, whatever the number of its members.
 * @returns the sequences for which the model gave no finite probabilities
 */
export async function drawTokens(
  config: DecoderConfig,
  runner: DecodeRunner,
  cache: KeyValueCache,
  branches: readonly AnswerBranch[],
): Promise<AnswerSequence[]> {
  // A single row would take other paths through the runtime's products and sums, and round differently.
  const rows = Math.max(2, branches.length);
  cache.reserve(Math.max(...branches.map((_, slot) => cache.lengths[slot]!)) + 1);
  const { past } = cache;
  const mask = new Float32Array(rows * (past + 1)).fill(-Infinity);
  const positions = new BigInt64Array(rows);
  const ids = new BigInt64Array(rows);
  for (let row = 0; row < rows; row += 1) mask[row * (past + 1) + past] = 0;
  branches.forEach(({ members, isLastCached }, row) => {
    const length = cache.lengths[row]!;
    mask.fill(0, row * (past + 1), row * (past + 1) + length);
    // It attends to what the cache has of itself, in place of its own keys and values.
    if (isLastCached) mask[row * (past + 1) + past] = -Infinity;
    positions[row] = BigInt(isLastCached ? length - 1 : length);
    ids[row] = BigInt(members[0]!.sequence.last);
  });
  const drawn = branches.flatMap(({ members }, row) => members.map(({ sequence }) => ({ sequence, row })));
  // Two at least, for the same reason as with rows.
  const draws = new BigInt64Array(Math.max(2, drawn.length));
  const inverseTemperatures = new Float32Array(draws.length).fill(1);
  const uniforms = new Float32Array(draws.length);
  drawn.forEach(({ sequence: { settings, stream }, row }, draw) => {
    draws[draw] = BigInt(row);
    if (settings.temperature === 0) return;
    inverseTemperatures[draw] = Math.min(1 / settings.temperature, largestInverseTemperature);
    uniforms[draw] = Math.min(Math.fround(stream.uniform()), 1 - 2 ** -24);
  });
  const needsAll = drawn.some(
    ({ sequence }) =>
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
      draws,
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
      branches.length,
      layer,
      floats(outputs, `keys:${String(layer)}`),
      floats(outputs, `values:${String(layer)}`),
    );
  }
  branches.forEach(({ isLastCached }, row) => {
    // What was appended for a token that the cache has already lies behind its end, and is overwritten next.
    if (!isLastCached) cache.lengths[row]! += 1;
  });
  const broken: AnswerSequence[] = [];
  drawn.forEach(({ sequence, row }, draw) => {
    const { temperature, topP, topK, topLogProbabilities } = sequence.settings;
    const greedy = temperature === 0;
    const place = greedy ? row : draw;
    let id = Number(outputs[greedy ? 'greedy' : 'token']!.data[place]);
    let logProbability = floats(outputs, greedy ? 'greedy-log-probability' : 'token-log-probability')[place]!;
    const all = needsAll ? rowOf(floats(outputs, 'log-probabilities'), row, config.vocabulary) : null;
    if (all !== null && !greedy && (topP < 1 || topK > 0)) {
      id = pickToken(all, { temperature, topP, topK }, uniforms[draw]!);
      logProbability = all[id]!;
    }
    if (!Number.isFinite(logProbability)) {
      broken.push(sequence);
      return;
    }
    sequence.last = id;
    if (wantsLogProbabilities(sequence)) {
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
