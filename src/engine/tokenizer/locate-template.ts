import { requireList, requireObject } from '../../foundation/require-arguments.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ChatMessage, ChatTemplate, TemplateVariables } from './chat-template.js';
import { encodePrompt, requireTemplate } from './encode-chat.js';
import { findSurroundings } from './locate-answers.js';
import { requireTokenizer, type TextTokenizer } from './text-tokenizer.js';
import { createTokenTexts } from './token-text.js';

/**
 * Indexes of those tokens of a prompt that the chat template wrote, each list in order. A token that has bytes of both
 * the template and a message, or that reaches over a message without content, is in none but `straddling`.
 */
export interface TemplatePositions {
  /** Before the content of the first message of the user. */
  readonly prefix: readonly number[];
  /** Between the contents of the first and the last message of the user. */
  readonly between: readonly number[];
  /** After the content of the last message of the user: what stands right before the answer. */
  readonly postfix: readonly number[];
  readonly straddling: readonly number[];
}

interface LocateTemplateOptions {
  /** Ids of the prompt, if they are not those of `encodePrompt`; those after its text count as the template's. */
  readonly ids?: readonly number[];
  readonly variables?: TemplateVariables;
}

/** A stretch of a text, from `start` up to, not including, `end`, in bytes of UTF-8. */
interface ByteSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Tells the template's own tokens from those of the messages in the prompt that an answer to these messages is sampled
 * after. What a template says by itself, such as a system message that nobody wrote, is its own; white space that it strips
 * from a message is nobody's. Contents are found by rendering the chat with others in their place. Fails with
 * `usage-invalid` without a message of the user, and with `chat-template-invalid` where a content is not found in the
 * text, or the tokens do not spell it.
 */
export function locateTemplate(
  tokenizer: TextTokenizer,
  messages: readonly ChatMessage[],
  options: LocateTemplateOptions = {},
): TemplatePositions {
  requireTokenizer(tokenizer, 'tokenizer');
  requireList(messages, 'messages');
  requireObject(options, 'options');
  const { variables, ids = encodePrompt(tokenizer, messages, variables) } = options;
  const contents = locateContents(requireTemplate(tokenizer), messages, variables);
  const spans = [...contents.spans.values()];
  const ofUser = [...contents.spans].flatMap(([message, span]) => (messages[message]?.role === 'user' ? [span] : []));
  const [first, last] = [ofUser[0], ofUser.at(-1)];
  if (first === undefined || last === undefined)
    throw new DriftlineError({
      code: 'usage-invalid',
      message: 'The conversation has no message of the user, before or after which a template could write',
      hint: "Give the conversation that is to be answered, with at least one message of the role 'user'.",
    });

  const found: Record<keyof TemplatePositions, number[]> = { prefix: [], between: [], postfix: [], straddling: [] };
  for (const [position, token] of spanTokens(tokenizer, ids, contents.text).entries()) {
    if (spans.some((content) => isWithin(token, content))) continue;
    const isOwn = spans.every((content) => token.end <= content.start || token.start >= content.end);
    if (!isOwn) found.straddling.push(position);
    else if (token.start >= last.end) found.postfix.push(position);
    else if (token.end <= first.start) found.prefix.push(position);
    else found.between.push(position);
  }
  return found;
}

/** Whether a content has all of a token. One without bytes is the template's where that borders on it. */
function isWithin(token: ByteSpan, content: ByteSpan): boolean {
  return token.end > token.start
    ? token.start >= content.start && token.end <= content.end
    : token.start > content.start && token.end < content.end;
}

/** The text of a prompt, and where the contents of its messages stand there, by message; without those that it leaves out. */
function locateContents(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  variables: TemplateVariables | undefined,
): { readonly text: string; readonly spans: ReadonlyMap<number, ByteSpan> } {
  const render = (some: readonly ChatMessage[]): string =>
    template.renderChat(some, { addGenerationPrompt: true, ...(variables === undefined ? {} : { variables }) });
  const text = render(messages);
  const spans = new Map<number, ByteSpan>();
  for (const [index, message] of messages.entries()) {
    const renderWith = (content: string): string => render(messages.with(index, { ...message, content }));
    const surroundings = findSurroundings(renderWith);
    // A template may leave a message out; that of the user it has to print.
    if (surroundings === null && message.role !== 'user' && isLeftOut(renderWith)) continue;
    const [before, after] = surroundings ?? [];
    const isFound =
      before !== undefined &&
      after !== undefined &&
      before.length + after.length <= text.length &&
      text.startsWith(before) &&
      text.endsWith(after);
    if (!isFound)
      throw new DriftlineError({
        code: 'chat-template-invalid',
        message: `The content of message ${String(index + 1)} (${message.role}) cannot be located in the text that the chat template makes`,
        hint: 'Use a template that prints every message once, as it is or without the white space around it.',
        details: { message: index },
      });
    const content = text.slice(before.length, text.length - after.length);
    const start = Buffer.byteLength(before);
    spans.set(index, { start, end: start + Buffer.byteLength(content) });
  }
  return { text, spans };
}

function isLeftOut(renderWith: (content: string) => string): boolean {
  return renderWith('one') === renderWith('another');
}

/** Which bytes of a text each token is of. Tokens that stand after all of it have none. */
function spanTokens(tokenizer: TextTokenizer, ids: readonly number[], text: string): ByteSpan[] {
  const tokenText = createTokenTexts(tokenizer);
  const bytes = Buffer.from(text);
  const isSpecial = (position: number): boolean => tokenizer.specialTokenIds.has(ids[position] ?? -1);
  const spelled = ids.map((id) => tokenText(id).bytes);
  const spans: ByteSpan[] = [];
  let end = 0;
  for (const position of ids.keys()) {
    const start = end;
    const own = spelled[position] ?? null;
    if (start < bytes.length) {
      if (own === null) throw notSpelled(ids[position], position);
      let isPadded = false;
      // SentencePiece's kind puts a space of its own before the text, and before what follows a special token.
      if (own[0] === space && (position === 0 || isSpecial(position - 1))) {
        let last = position;
        while (last + 1 < ids.length && !isSpecial(last)) last += 1;
        const stretch = spelled.slice(position, last + 1).flatMap((piece) => piece ?? []);
        isPadded = !continues(bytes, start, stretch) && continues(bytes, start, stretch.slice(1));
      }
      const shown = isPadded ? own.slice(1) : own;
      if (!continues(bytes, start, shown)) throw notSpelled(ids[position], position);
      end = start + shown.length;
    }
    spans.push({ start, end });
  }
  if (end < bytes.length) throw notSpelled(undefined, ids.length);
  return spans;
}

const space = 0x20;

/** Whether a text goes on with these bytes, as far as it goes. */
function continues(bytes: Buffer, start: number, piece: readonly number[]): boolean {
  return piece.slice(0, bytes.length - start).every((byte, index) => bytes[start + index] === byte);
}

function notSpelled(id: number | undefined, position: number): DriftlineError {
  const found = id === undefined ? 'is not there, to' : `has the id ${String(id)}, which does not`;
  return new DriftlineError({
    code: 'chat-template-invalid',
    message: `Token ${String(position)} of the prompt ${found} spell the text that the chat template makes there`,
    hint: 'Give the ids that this tokenizer makes of these messages; one that changes texts before it cuts them cannot be followed.',
    details: { position, id },
  });
}
