import { requireList, requireObject } from '../../foundation/require-arguments.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ChatMessage, ChatTemplate, TemplateVariables } from './chat-template.js';
import { locateAnswers, type AnswerText, type LocatedChat, type TurnEndings } from './locate-answers.js';
import { requireTokenizer, type TextTokenizer } from './text-tokenizer.js';

/** Which tokens of a row are trained on: all answers, everything, or the answers whose message does not have weight 0. */
type RowLoss = 'answers' | 'all' | 'weighted';

/** The tokens of one answer that is trained on: from `start` up to, not including, `end`. */
interface AnswerSpan {
  /** Index into the messages. */
  readonly message: number;
  readonly start: number;
  readonly end: number;
}

export interface EncodedRow {
  readonly ids: readonly number[];
  /** One for each id, 0 to 1: how much predicting that id from the ids before it counts. The first is always 0. */
  readonly weights: readonly number[];
  /** Empty with the loss `all`, which does not locate answers. */
  readonly spans: readonly AnswerSpan[];
}

interface EncodeTrainingRowOptions {
  readonly loss: RowLoss;
  readonly variables?: TemplateVariables;
  /** The number of the row in messages, as the user counts rows. */
  readonly row?: number;
}

export function requireTemplate(tokenizer: TextTokenizer): ChatTemplate {
  if (tokenizer.chatTemplate !== null) return tokenizer.chatTemplate;
  throw new DriftlineError({
    code: 'chat-template-missing',
    message: 'The model folder has no chat template, so chat messages cannot be written as text.',
    hint: 'Add a chat_template.jinja to the model folder, as the instruction-tuned model of the same family has it.',
  });
}

function failRow(row: number | undefined, problem: string, hint: string): DriftlineError {
  const message = row === undefined ? `The row ${problem}.` : `Row ${row} ${problem}.`;
  return new DriftlineError({ code: 'rows-invalid', message, hint, details: { row } });
}

/** The ids of the prompt that an answer to these messages is sampled after. */
export function encodePrompt(
  tokenizer: TextTokenizer,
  messages: readonly ChatMessage[],
  variables?: TemplateVariables,
): number[] {
  requireTokenizer(tokenizer, 'tokenizer');
  requireList(messages, 'messages');
  const template = requireTemplate(tokenizer);
  const options = { addGenerationPrompt: true, ...(variables === undefined ? {} : { variables }) };
  return tokenizer.encode(template.renderChat(messages, options));
}

function startsWith(ids: readonly number[], beginning: readonly number[]): boolean {
  return beginning.length <= ids.length && beginning.every((id, index) => ids[index] === id);
}

interface BorderedIds {
  readonly ids: readonly number[];
  /** The number of ids of the text up to each border. */
  readonly counts: ReadonlyMap<number, number>;
}

/**
 * Encodes a text such that no token crosses a border. If the tokenizer splits at a border by itself, the ids are those
 * of the whole text; only if it would merge across a border is the text after it encoded separately.
 */
function encodeWithBorders(tokenizer: TextTokenizer, text: string, borders: Iterable<number>): BorderedIds {
  const counts = new Map([[0, 0]]);
  let done: readonly number[] = [];
  let open: readonly number[] = [];
  let openStart = 0;
  let previous = 0;
  for (const border of [...new Set(borders)].sort((a, b) => a - b)) {
    if (border === previous) continue;
    const whole = tokenizer.encode(text.slice(openStart, border));
    if (startsWith(whole, open)) open = whole;
    else {
      done = [...done, ...open];
      open = tokenizer.encode(text.slice(previous, border));
      openStart = previous;
    }
    counts.set(border, done.length + open.length);
    previous = border;
    // Nothing merges with a special token, so encoding restarts from it: that keeps long conversations linear in their
    // length.
    const last = open.at(-1);
    const ending = last !== undefined && tokenizer.specialTokenIds.has(last) ? tokenizer.tokenText(last) : null;
    if (last !== undefined && ending !== null && text.endsWith(ending, border)) {
      done = [...done, ...open.slice(0, -1)];
      open = [last];
      openStart = border - ending.length;
    }
  }
  return { ids: [...done, ...open], counts };
}

function checkWeights(messages: readonly ChatMessage[], row: number | undefined): void {
  for (const [index, { role, weight }] of messages.entries()) {
    if (weight === undefined) continue;
    if (role !== 'assistant') {
      const problem = `has a weight on message ${index + 1}, which is of the role ${JSON.stringify(role)}`;
      throw failRow(row, problem, 'Set weights on assistant messages only: nothing else is trained on.');
    }
    // Callers without type checks may pass other values.
    if (![0, 1].includes(weight)) {
      const problem = `has the weight ${JSON.stringify(weight)} on message ${index + 1}`;
      throw failRow(row, problem, 'Use 0 for answers that are not trained on, and 1 for the others.');
    }
  }
}

function encodeEverything(tokenizer: TextTokenizer, text: string): EncodedRow {
  const ids = tokenizer.encode(text);
  return { ids, weights: ids.map((_, index) => (index === 0 ? 0 : 1)), spans: [] };
}

function turnEndings(tokenizer: TextTokenizer): TurnEndings {
  const { specialTokenIds, endTokenId } = tokenizer;
  const special = [...specialTokenIds].map((id) => tokenizer.tokenText(id) ?? '').filter((text) => text !== '');
  return { special, end: endTokenId === null ? null : tokenizer.tokenText(endTokenId) };
}

function encodeAnswers(
  tokenizer: TextTokenizer,
  { text, answers }: LocatedChat,
  isTrained: (answer: AnswerText) => boolean,
): EncodedRow {
  const borders = answers.flatMap(({ start, end, promptEnd }) => [promptEnd ?? start, start, end]);
  const { ids, counts } = encodeWithBorders(tokenizer, text, borders);
  const spans = answers.filter(isTrained).flatMap(({ message, start, end }) => {
    const [first, last] = [counts.get(start) ?? 0, counts.get(end) ?? 0];
    return last > first ? [{ message, start: first, end: last }] : [];
  });
  const length = spans.at(-1)?.end ?? 0;
  const weights = new Array<number>(length).fill(0);
  for (const { start, end } of spans) weights.fill(1, Math.max(start, 1), end);
  return { ids: ids.slice(0, length), weights, spans };
}

/**
 * Encodes a conversation as training ids with weights. With `answers` and `weighted`, weights are 1 exactly on what the
 * model writes: each trained answer with the token that ends its turn. The ids before the first answer are those that
 * sampling would use; everything after the last trained token is cut. With `all`, every token but the first is trained
 * on.
 */
export function encodeTrainingRow(
  tokenizer: TextTokenizer,
  messages: readonly ChatMessage[],
  options: EncodeTrainingRowOptions,
): EncodedRow {
  requireTokenizer(tokenizer, 'tokenizer');
  requireList(messages, 'messages');
  requireObject(options, 'options');
  const { loss, variables, row } = options;
  const template = requireTemplate(tokenizer);
  const extra = variables === undefined ? {} : { variables };
  if (loss === 'weighted') checkWeights(messages, row);
  let encoded: EncodedRow;
  if (loss === 'all') {
    encoded = encodeEverything(tokenizer, template.renderChat(messages, { addGenerationPrompt: false, ...extra }));
  } else {
    const trained = new Set(
      messages.flatMap(({ role, weight }, index) =>
        role === 'assistant' && (loss === 'answers' || weight !== 0) ? [index] : [],
      ),
    );
    const used = messages.slice(0, Math.max(-1, ...trained) + 1);
    const endings = turnEndings(tokenizer);
    const located = locateAnswers(template, used, { endings, ...extra, ...(row === undefined ? {} : { row }) });
    encoded = encodeAnswers(tokenizer, located, ({ message }) => trained.has(message));
  }
  if (!encoded.weights.some((weight) => weight > 0)) {
    const hint = 'Give the row an assistant message that is trained on, or remove the row.';
    throw failRow(row, 'has no token that is trained on', hint);
  }
  return encoded;
}
