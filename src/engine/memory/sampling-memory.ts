import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { countWeights } from '../checkpoint/decoder-tensors.js';
import { floatBytes, processBytes } from './process-memory.js';

/** What decides how much memory answers take. */
export interface SamplingWork {
  readonly config: DecoderConfig;
  /** Tokens of the longest prompt. */
  readonly longestPrompt: number;
  /** Tokens of the longest answer. */
  readonly longestAnswer: number;
  /** Answers at once. */
  readonly slots: number;
  /** Whether an adapter is merged into the weights, which are held beside the merged ones. */
  readonly adapted: boolean;
}

/** Weights, the runtime's own copies of most of them, and what is left of reading them: so many times their bytes were measured. */
const copiesOfWeights = 2.5;

/** Prompt tokens of one run. */
const prefillTokens = 2048;

/**
 * Bytes that a process takes at most while a model answers: its weights as the runtime has them, keys and values of all answers at their
 * longest, and of the prompts of a run.
 */
export function estimateSamplingMemory({ config, longestPrompt, longestAnswer, slots, adapted }: SamplingWork): number {
  const { layers, keyValueHeads, headWidth, width, heads, feedForwardWidth, vocabulary } = config;
  const keysAndValues = layers * 2 * keyValueHeads * headWidth;
  const tokens = Math.min(config.context, longestPrompt + longestAnswer);
  const prompts = Math.max(longestPrompt, Math.min(prefillTokens, slots * longestPrompt));
  const ofMoment = Math.max(
    // One block of a run over prompts, the scores of its attention, and the scores that tokens are drawn from.
    prompts * (4 * width + 3 * feedForwardWidth),
    3 * prompts * heads * longestPrompt,
    3 * slots * vocabulary,
  );
  return (
    processBytes +
    floatBytes *
      ((copiesOfWeights + (adapted ? 1 : 0)) * countWeights(config) +
        slots * tokens * keysAndValues +
        // As the runtime gives them, and as they are handed over.
        2 * prompts * keysAndValues +
        ofMoment)
  );
}
