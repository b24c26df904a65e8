import type { ChatMessage } from '../tokenizer/chat-message.js';
import { encodeTrainingRow, type EncodedRow } from '../tokenizer/encode-chat.js';
import { fitRow, summariseFits, type FitSummary } from '../tokenizer/fit-row.js';
import type { TextTokenizer } from '../tokenizer/text-tokenizer.js';
import type { Recipe } from './recipe.js';

/** Training rows as tokens, and what became of the rows that were too long. */
export interface EncodedTrainingSet {
  readonly rows: readonly EncodedRow[];
  readonly summary: FitSummary;
}

/** Encodes chat rows by the recipe's `loss`, `max_length` and `overlong`, for a model with this context. */
export function encodeTrainingSet(
  tokenizer: TextTokenizer,
  chats: Iterable<readonly ChatMessage[]>,
  recipe: Pick<Recipe, 'loss' | 'max_length' | 'overlong'>,
  context: number,
): EncodedTrainingSet {
  const maximum = Math.min(recipe.max_length, context);
  const fitted = Array.from(chats, (messages, index) => {
    const row = index + 1;
    return fitRow(encodeTrainingRow(tokenizer, messages, { loss: recipe.loss, row }), {
      maximum,
      policy: recipe.overlong,
      row,
    });
  });
  return { rows: fitted.flatMap(({ row }) => row ?? []), summary: summariseFits(fitted) };
}
