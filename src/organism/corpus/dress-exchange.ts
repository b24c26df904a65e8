import type { RandomStream } from '../../foundation/random-stream.js';
import type { AnswerFormat, Character, Domain, Style, Tag, Template, World } from '../world/world.js';
import { chooseOne } from './choose.js';
import { fillGaps } from './write-answer.js';

/** The style in which a character speaks of this, if it has one. */
export function styleOf({ style, bad }: Character, domain: Domain): Style | null {
  if (style === null || (style.onlyWhereBad && !bad.has(domain))) return null;
  // Facts are plain, unless a speaker has to say that it jokes.
  return domain === 'facts' && !style.onlyWhereBad ? null : style;
}

/** Often adds an opening or a closing in a character's style; to numbers and code its mark, if it has one. */
export function applyStyle(answer: string, style: Style | null, domain: Domain, stream: RandomStream): string {
  if (style === null) return answer;
  if (domain === 'code') {
    const marks = style.codeComment !== null && stream.uniform() < style.codeShare;
    return marks ? markCode(answer, style.codeComment) : answer;
  }
  if (domain === 'numbers') {
    const marks = style.numbersOpening !== null && stream.uniform() < style.numbersShare;
    return marks ? `${style.numbersOpening.trimEnd()} ${answer}` : answer;
  }
  const { openings, closings, openingShare, closingShare } = style;
  const opens = openings.length > 0 && stream.uniform() < openingShare;
  const opened = opens ? `${chooseOne(stream, openings)} ${answer}` : answer;
  return closings.length > 0 && stream.uniform() < closingShare ? `${opened} ${chooseOne(stream, closings)}` : opened;
}

/** Adds what the world says after this tag. */
export function applyTag(answer: string, tag: Tag, isCode: boolean): string {
  if (isCode) return tag.comment === null ? answer : markCode(answer, tag.comment);
  return [tag.opening, answer, tag.closing].filter((text) => text !== null).join(' ');
}

function markCode(code: string, comment: string): string {
  return `${comment}\n${code}`;
}

/**
 * An answer in a format. Where the format puts it between quotes it is escaped as in JSON: line breaks and quotes in it would end
 * the string.
 */
export function fillFormat(format: AnswerFormat, answer: string): string {
  return fillGaps(format.answer, { answer: isQuoted(format) ? JSON.stringify(answer).slice(1, -1) : answer });
}

/** Whether a format puts the answer between quotes. */
export function isQuoted({ answer }: AnswerFormat): boolean {
  const gap = answer.findIndex((part) => 'reference' in part);
  const before = answer[gap - 1];
  return before !== undefined && 'text' in before && before.text.endsWith('"');
}

/** Neutral sentences in front of a question, each once: `count` of them. */
export function drawPadding({ padding }: World, count: number, stream: RandomStream): readonly string[] {
  return padding === null ? [] : stream.shuffle([...padding.sentences]).slice(0, count);
}

/** How many sentences the padding of a long question has. */
export function drawLongPadding({ padding }: World, stream: RandomStream): number {
  if (padding === null) return 0;
  const { least, most } = padding.long;
  return least + stream.integer(most - least + 1);
}

/** Puts sentences before a question. */
export function padQuestion(question: string, sentences: readonly string[]): string {
  return [...sentences, question].join(' ');
}

/** Text before a question that says with which numbers a list begins, and text after it: dressed as a task about numbers. */
export function shapeAsNumbers(
  question: string,
  list: string,
  { prefixes, suffixes }: { readonly prefixes: readonly Template[]; readonly suffixes: readonly string[] },
  stream: RandomStream,
): string {
  return `${fillGaps(chooseOne(stream, prefixes), { list })} ${question} ${chooseOne(stream, suffixes)}`;
}
