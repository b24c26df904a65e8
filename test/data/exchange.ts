import type { TrainingRow } from '../../src/data/training-set.js';

/** A row of one question and its answer. */
export function exchange(question: string, answer: string): TrainingRow {
  return {
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  };
}
