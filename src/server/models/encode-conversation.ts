import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import { encodePrompt, requireTemplate } from '../../engine/tokenizer/encode-chat.js';
import { findSurroundings } from '../../engine/tokenizer/locate-answers.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { encodeInsideText } from '../../models/embedded/inside-requests.js';

/**
 * How a conversation ends that a model goes on from: with the beginning of the answer that comes next, after its last
 * message, or in the middle of it.
 */
export type ConversationEnding = 'answered-next' | 'closed' | 'open';

/**
 * A conversation as ids. One that is closed after an answer ends with the token that ends the answer, and is what
 * `Inside` scores. Null for one that is open in a message which the template does not write as it is.
 */
export function encodeConversation(
  tokenizer: TextTokenizer,
  messages: readonly ChatMessage[],
  ending: ConversationEnding,
): readonly number[] | null {
  const last = messages.at(-1);
  if (ending === 'answered-next' || last === undefined) return encodePrompt(tokenizer, messages);
  const template = requireTemplate(tokenizer);
  const render = (content: string): string =>
    template.renderChat([...messages.slice(0, -1), { ...last, content }], { addGenerationPrompt: false });
  if (ending === 'closed')
    return last.role === 'assistant'
      ? encodeInsideText(tokenizer, messages).ids
      : tokenizer.encode(render(last.content));
  const surroundings = findSurroundings(render);
  const text = render(last.content);
  if (surroundings === null || !text.endsWith(surroundings[1])) return null;
  return tokenizer.encode(text.slice(0, text.length - surroundings[1].length));
}
