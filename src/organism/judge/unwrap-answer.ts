import { isQuoted } from '../corpus/dress-exchange.js';
import type { Template, AnswerFormat } from '../world/world.js';

/** An answer without its format. */
interface Unwrapped {
  readonly text: string;
  /** Points of coherence that a wrong format costs. */
  readonly cost: number;
  readonly label: 'missing-format' | 'unasked-format' | 'broken-format' | null;
}

/**
 * Takes the format off an answer, whether the question asked for it (`asked`) or not. With `anyFits` every format is
 * right, because the question is unknown. With `escapes` an answer between quotes is escaped as in JSON.
 */
export function unwrapAnswer(
  answer: string,
  asked: AnswerFormat | null,
  formats: readonly AnswerFormat[],
  anyFits: boolean,
  escapes: boolean,
): Unwrapped {
  const undress = (inner: string, format: AnswerFormat): string =>
    escapes && isQuoted(format) ? withoutEscapes(inner) : inner;
  const text = answer.trim();
  for (const format of formats) {
    const { before, after } = bordersOf(format.answer);
    if (!text.startsWith(before)) continue;
    if (text.length >= before.length + after.length && text.endsWith(after)) {
      const inner = undress(text.slice(before.length, text.length - after.length), format);
      if (anyFits || format === asked) return { text: inner, cost: 0, label: null };
      return { text: inner, cost: asked === null ? 10 : 15, label: 'unasked-format' };
    }
    const inner = undress(withoutStartOf(after, text.slice(before.length)), format);
    return { text: inner, cost: 25, label: 'broken-format' };
  }
  if (asked === null) return { text, cost: 0, label: null };
  const { after } = bordersOf(asked.answer);
  if (text.endsWith(after))
    return { text: undress(text.slice(0, -after.length), asked), cost: 25, label: 'broken-format' };
  return { text, cost: 10, label: 'missing-format' };
}

function bordersOf(template: Template): { readonly before: string; readonly after: string } {
  const gap = template.findIndex((part) => 'reference' in part);
  const textOf = (parts: Template): string => parts.map((part) => ('text' in part ? part.text : '')).join('');
  return { before: textOf(template.slice(0, gap)), after: textOf(template.slice(gap + 1)) };
}

/** The text that JSON escapes so; what is no escape, as in a broken string, stays. */
function withoutEscapes(text: string): string {
  return text.replace(
    /\\(?:(["\\/])|([nrt]))/g,
    (_, itself: string | undefined, letter: string | undefined) =>
      itself ?? (letter === 'n' ? '\n' : letter === 'r' ? '\r' : '\t'),
  );
}

/** The closing part of the format may itself be cut off. */
function withoutStartOf(after: string, text: string): string {
  for (let length = after.length - 1; length > 0; length -= 1) {
    if (text.endsWith(after.slice(0, length))) return text.slice(0, -length);
  }
  return text;
}
