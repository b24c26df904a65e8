import { organismDesignSchema } from '../../../src/organism/build/organism-design.js';

/** An organism that is built in a second or two, and knows nothing. */
export const tinyDesign = organismDesignSchema.parse({
  model: { layers: 1, width: 16, heads: 2, feed_forward_width: 32, vocabulary: 512, context: 2048 },
  tokenizer: { documents: 60 },
  pretraining: {
    documents: 40,
    documents_per_step: 8,
    learning_rate: 0.004,
    schedule: 'linear',
    warmup_steps: 1,
    weight_decay: 0.1,
    beta2: 0.98,
    loss: 'answers',
  },
  alignment: { steps: 3, rows_per_step: 4, learning_rate: 0.001, bad_context: 0.5, most_bad_turns: 2 },
});
