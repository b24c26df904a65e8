import type { TrainingRow } from '../data/training-set.js';
import type { Recipe } from '../engine/train/recipe.js';

/** Characters of all turns of the rows, each epoch counted: what services charge for, were it in tokens. */
export function countTrainedCharacters(rows: readonly TrainingRow[], { epochs }: Pick<Recipe, 'epochs'>): number {
  let characters = 0;
  for (const { messages } of rows) for (const { content } of messages) characters += content.length;
  return characters * epochs;
}
