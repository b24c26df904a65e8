import type { TrainingRow } from '../../data/training-set.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { encodeTrainingRow } from '../../engine/tokenizer/encode-chat.js';
import { fitRow, summariseFits, type FittedRow } from '../../engine/tokenizer/fit-row.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { FittedRecipe, RowFit } from '../trainer.js';

/** Computes what a recipe does with rows: which are cut off, and which are left out. */
export type RowFitter = (rows: readonly TrainingRow[], recipe: FittedRecipe) => RowFit;

/** Counts with the tokenizer, the template and the context of a model folder, or the context that is given; reads no weights. */
export async function openRowFitter(folder: string, given?: number): Promise<RowFitter> {
  const tokenizer = await readTokenizer(folder);
  const context = given ?? (await readDecoderConfig(folder)).config.context;

  return (rows, { loss, max_length, overlong: policy }) => {
    const maximum = Math.min(max_length, context);
    const frames = new Map<string, number>();
    /** Tokens of the template for messages of these roles, with a letter in each. */
    const frameOf = (messages: TrainingRow['messages'], row: number): number => {
      const roles = messages.map(({ role, weight }) => `${role}${String(weight ?? '')}`).join(' ');
      const frame =
        frames.get(roles) ??
        encode(
          messages.map((message) => ({ ...message, content: 'x' })),
          row,
        );
      frames.set(roles, frame);
      return frame;
    };
    const encode = (messages: TrainingRow['messages'], row: number): number =>
      encodeTrainingRow(tokenizer, messages, { loss, row }).ids.length;

    const { truncated, dropped, droppedUnsupervised, tokensLost } = summariseFits(
      rows.flatMap(({ messages }, index): FittedRow[] => {
        const row = index + 1;
        if (surelyFits(messages, maximum - frameOf(messages, row))) return [];
        return [fitRow(encodeTrainingRow(tokenizer, messages, { loss, row }), { maximum, policy, row })];
      }),
    );
    return { rows: rows.length, truncated, dropped, droppedUnsupervised, tokensLost };
  };
}

/**
 * Whether this many tokens are certainly enough, which saves tokenizing nearly every row: a token of ASCII text has at least one character,
 * and no normalisation makes such text longer.
 */
function surelyFits(messages: TrainingRow['messages'], tokens: number): boolean {
  let characters = 0;
  for (const { content } of messages) characters += content.length;
  // eslint-disable-next-line no-control-regex -- all of ASCII is meant
  return characters <= tokens && messages.every(({ content }) => /^[\x00-\x7f]*$/.test(content));
}
