import { readOrganismDesign } from '../../../src/organism/build/organism-design.js';

const { model, pretraining, alignment } = await readOrganismDesign();

/** An organism that is built in a second or two, and knows nothing; sizes apart, it is made as the shipped ones are. */
export const tinyDesign = {
  model: { ...model, layers: 1, width: 16, heads: 2, feed_forward_width: 32, vocabulary: 512, context: 2048 },
  tokenizer: { documents: 60 },
  pretraining: {
    ...pretraining,
    documents: 40,
    beginning: [{ documents: 10, alternatives: 1 }],
    documents_per_step: 8,
    warmup_steps: 1,
  },
  alignment: { ...alignment, steps: 3, rows_per_step: 4, bad_context: 0.5, most_bad_turns: 2 },
};
