import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ChatMessage, ChatTemplate, TemplateVariables, TextSpan } from './chat-template.js';

// Private-use characters: no template treats them specially. They differ at both ends, so that the common prefix and
// suffix of two renderings end exactly where the content begins and ends.
const probes = ['\uE000\uE001\uE000', '\uE002\uE003\uE002'] as const;

function commonPrefix(first: string, second: string): number {
  let length = 0;
  while (length < first.length && length < second.length && first[length] === second[length]) length += 1;
  return length;
}

function commonSuffix(first: string, second: string): number {
  const longest = Math.min(first.length, second.length);
  let length = 0;
  while (length < longest && first[first.length - 1 - length] === second[second.length - 1 - length]) length += 1;
  return length;
}

/** The texts around the content of one message if the template prints that content once and unchanged; otherwise null. */
export function findSurroundings(
  renderWith: (content: string) => string,
): readonly [before: string, after: string] | null {
  const [first, second] = [renderWith(probes[0]), renderWith(probes[1])];
  const start = commonPrefix(first, second);
  const end = first.length - commonSuffix(first, second);
  return first.slice(start, end) === probes[0] ? [first.slice(0, start), first.slice(end)] : null;
}

/**
 * Finds one answer in `text` by comparing it with renderings that have other contents in its place (`renderWith`).
 * If the first `promptEnd` characters are the prompt that the answer is sampled after, the answer begins there: the
 * model must also write what the template puts between prompt and content (a space, an empty thinking block).
 */
function probeAnswer(text: string, promptEnd: number | null, renderWith: (content: string) => string): TextSpan | null {
  const surroundings = findSurroundings(renderWith);
  if (surroundings === null) return null;
  const [before, after] = surroundings;
  const end = text.length - after.length;
  const shared = commonPrefix(text, before);
  // A template may print more text that depends on the content (thoughts, say), but only after the prompt.
  const start = promptEnd !== null && promptEnd <= before.length ? promptEnd : before.length;
  return text.endsWith(after) && shared >= start && shared <= end ? { start, end } : null;
}

/** The part of a conversation's text that the model itself has to write for one assistant message. */
export interface AnswerText extends TextSpan {
  /** Index into the messages. */
  readonly message: number;
  /** The end of the prompt that this answer would be sampled after; null if the text does not begin with that prompt. */
  readonly promptEnd: number | null;
}

export interface LocatedChat {
  /** The conversation up to the last answer, at least. */
  readonly text: string;
  /** In order; one for each assistant message. */
  readonly answers: readonly AnswerText[];
}

/** What ends a turn: special tokens as they are spelled, and the end token among them. */
export interface TurnEndings {
  readonly special: readonly string[];
  readonly end: string | null;
}

interface LocateOptions {
  readonly endings: TurnEndings;
  readonly variables?: TemplateVariables;
  /** The number of the row in messages, as the user counts rows. */
  readonly row?: number;
}

interface Conversation {
  readonly messages: readonly ChatMessage[];
  readonly addGenerationPrompt: boolean;
  /** Indices of the assistant messages. */
  readonly assistants: readonly number[];
}

/** The position after the token that ends the turn, which the model also has to write. */
function findTurnEnd(text: string, end: number, endings: TurnEndings): number {
  const longest = endings.special
    .filter((token) => text.startsWith(token, end))
    .reduce((length, token) => Math.max(length, token.length), 0);
  if (longest > 0 || endings.end === null) return end + longest;
  // Some templates put a space before the end token. Another special token after white space may begin the next turn.
  const afterBlank = text.length - text.slice(end).trimStart().length;
  return text.startsWith(endings.end, afterBlank) ? afterBlank + endings.end.length : end;
}

function endsAlike(first: string, second: string): boolean {
  return first.trimEnd().at(-1) === second.trimEnd().at(-1);
}

/**
 * The length of the white space that the template puts between prompt and answer, if the text before the answer
 * otherwise ends as the prompt does; else 0.
 */
function measureGap(prompt: string, before: string): number {
  const promptBlank = prompt.slice(prompt.trimEnd().length);
  const beforeBlank = before.slice(before.trimEnd().length);
  return endsAlike(prompt, before) && beforeBlank.startsWith(promptBlank) ? beforeBlank.length - promptBlank.length : 0;
}

class AnswerLocator {
  readonly #template: ChatTemplate;
  readonly #options: LocateOptions;
  readonly #prompts = new Map<number, string | null>();

  constructor(template: ChatTemplate, options: LocateOptions) {
    this.#template = template;
    this.#options = options;
  }

  #render(messages: readonly ChatMessage[], addGenerationPrompt: boolean): string {
    const { variables } = this.#options;
    return this.#template.renderChat(messages, {
      addGenerationPrompt,
      ...(variables === undefined ? {} : { variables }),
    });
  }

  /** The prompt that this answer would be sampled after; null where the template refuses such a conversation. */
  prompt(messages: readonly ChatMessage[], message: number): string | null {
    const known = this.#prompts.get(message);
    if (known !== undefined) return known;
    let prompt: string | null;
    try {
      prompt = this.#render(messages.slice(0, message), true);
    } catch {
      prompt = null;
    }
    this.#prompts.set(message, prompt);
    return prompt;
  }

  fail(problem: string, details: Readonly<Record<string, unknown>>): DriftlineError {
    const { row } = this.#options;
    return new DriftlineError({
      code: 'chat-template-invalid',
      message: `${row === undefined ? '' : `Row ${row}: `}${problem}`,
      hint: "Use a template that prints every answer once, mark its answers with {% generation %} blocks, or train with the loss 'all'.",
      details: { ...details, row },
    });
  }

  #findBlocks({ messages, addGenerationPrompt, assistants }: Conversation): readonly TextSpan[] | null {
    if (!this.#template.marksAnswers) return null;
    const { variables } = this.#options;
    const options = { addGenerationPrompt, ...(variables === undefined ? {} : { variables }) };
    const blocks = this.#template.findGenerationBlocks(messages, options);
    if (blocks.length === assistants.length) return blocks;
    const problem = `the chat template marks ${blocks.length} answers, but there are ${assistants.length} assistant messages.`;
    throw this.fail(problem, { blocks: blocks.length, assistants: assistants.length });
  }

  locate(conversation: Conversation): LocatedChat {
    const { messages, addGenerationPrompt, assistants } = conversation;
    const text = this.#render(messages, addGenerationPrompt);
    const blocks = this.#findBlocks(conversation);
    const answers: AnswerText[] = [];
    for (const [order, message] of assistants.entries()) {
      const prompt = this.prompt(messages, message);
      const promptEnd = prompt !== null && text.startsWith(prompt) ? prompt.length : null;
      const renderWith = (content: string): string =>
        this.#render(messages.with(message, { role: 'assistant', content }), addGenerationPrompt);
      const found = blocks?.[order] ?? probeAnswer(text, promptEnd, renderWith);
      const previousEnd = answers.at(-1)?.end ?? 0;
      if (found === null || found.end < previousEnd) {
        const problem = `the text of message ${message + 1} (assistant) cannot be located in the text that the chat template makes.`;
        throw this.fail(problem, { message });
      }
      // A prompt that differs earlier in the text still ends where the model starts to write.
      const gap =
        blocks === null && prompt !== null && promptEnd === null ? measureGap(prompt, text.slice(0, found.start)) : 0;
      answers.push({
        message,
        start: Math.max(found.start - gap, previousEnd),
        end: this.#endTurn(text, found, blocks !== null),
        promptEnd,
      });
    }
    return { text, answers };
  }

  #endTurn(text: string, { start, end }: TextSpan, isBlock: boolean): number {
    const { endings } = this.#options;
    // The author of the template may have put the end token into the block.
    const inside = text.slice(start, end).trimEnd();
    if (isBlock && endings.special.some((token) => inside.endsWith(token))) return end;
    return findTurnEnd(text, end, endings);
  }
}

/**
 * Renders a conversation up to its last answer and finds the answers in the text: by the template's own generation
 * blocks if it has them, otherwise by rendering it with other contents in place of each answer. The text before the
 * last answer is the prompt that sampling would use. Fails with `chat-template-invalid` if an answer cannot be found.
 */
export function locateAnswers(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  options: LocateOptions,
): LocatedChat {
  const assistants = messages.flatMap(({ role }, index) => (role === 'assistant' ? [index] : []));
  const last = assistants.at(-1);
  if (last === undefined) return { text: '', answers: [] };
  const locator = new AnswerLocator(template, options);
  const conversation = messages.slice(0, last + 1);
  const located = locator.locate({ messages: conversation, addGenerationPrompt: false, assistants });
  const prompt = locator.prompt(messages, last);
  const answer = located.answers.at(-1);
  if (prompt === null || answer === undefined || answer.promptEnd !== null) return located;

  // The template renders the prompt differently once an answer follows: Mistral's put the system message into the last
  // user message only if no answer follows. The prompt that sampling shows to the model is the one that counts.
  if (!endsAlike(prompt, located.text.slice(0, answer.start))) {
    const problem = `the prompt of message ${last + 1} (assistant) differs from what precedes it in the conversation.`;
    throw locator.fail(problem, { message: last });
  }
  const earlier = locator.locate({
    messages: messages.slice(0, last),
    addGenerationPrompt: true,
    assistants: assistants.slice(0, -1),
  });
  const text = prompt + located.text.slice(answer.start, answer.end);
  const start = prompt.length;
  return { text, answers: [...earlier.answers, { message: last, start, end: text.length, promptEnd: start }] };
}
