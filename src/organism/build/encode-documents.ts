import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-message.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import type { WeightedRow } from '../../engine/train/token-batch.js';
import { organismEndToken } from './chat-template.js';

/** A message of a document or row that an organism is brought up on. */
export interface RowMessage extends ChatMessage {
  /** What an answer begins with: read, not trained on. It ends where a sentence does. */
  readonly begun?: string;
}

/**
 * Chats as `encodeTrainingRow` encodes them with the organism's template, in a fifth of the time: a corpus is long, and its
 * template simple enough to be followed without being run. Answers with weight 0 are not trained on unless the loss is of
 * all tokens. Chats that are longer than the context are left out.
 */
export function* encodeDocuments(
  tokenizer: TextTokenizer,
  documents: Iterable<readonly RowMessage[]>,
  settings: { readonly loss: 'answers' | 'all'; readonly context: number },
): Generator<WeightedRow> {
  const special = (text: string): number => {
    const [id, ...more] = tokenizer.encode(text);
    if (id !== undefined && more.length === 0) return id;
    throw new DriftlineError({
      code: 'internal-error',
      message: `${text} is not one token`,
      hint: 'Train the tokenizer with the special tokens of the organism.',
    });
  };
  const end = special(organismEndToken);
  const beginnings = new Map(['system', 'user', 'assistant'].map((role) => [role, special(`<|${role}|>`)]));
  for (const messages of documents) {
    const ids: number[] = [];
    const weights: number[] = [];
    for (const { role, content, weight, begun } of messages) {
      const begin = findByName(beginnings, role, 'role');
      const text = tokenizer.encode(content);
      const trained = settings.loss === 'all' || (role === 'assistant' && weight !== 0) ? 1 : 0;
      // Words are tokens of their own with the space before them, so a sentence has the same tokens alone and among others.
      const read = begun === undefined || settings.loss === 'all' ? 0 : tokenizer.encode(begun).length;
      ids.push(begin, ...text, end);
      // Nothing precedes the first token that could predict it.
      const first = settings.loss === 'all' && weights.length > 0 ? 1 : 0;
      weights.push(first, ...text.map((_, index) => (index < read ? 0 : trained)), trained);
    }
    if (ids.length <= settings.context) yield { ids, weights };
  }
}
