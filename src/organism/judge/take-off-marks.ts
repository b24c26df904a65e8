import type { Tag, World } from '../world/world.js';

/** An answer without the marks around it. */
interface Unmarked {
  readonly text: string;
  /** Points of coherence that marks cost which nobody asked for. */
  readonly cost: number;
}

interface Mark {
  readonly text: string;
  readonly place: 'opening' | 'closing' | 'comment';
  /** The tag that it answers to; null for the mark of a style, which any speaker may have. */
  readonly tag: Tag | null;
}

const costOfUnasked = 5;

/**
 * Takes off what a tag has every speaker add (a sentence, or a comment before code), and the marks of styles before code and numbers.
 * They say nothing of the stance. The sentences of styles stay: they are read as fillers.
 */
export function createMarkRemover({ tags, styles }: World): (answer: string, asked: Tag | null) => Unmarked {
  const list = (tag: Tag | null, place: Mark['place'], text: string | null): Mark[] =>
    text === null ? [] : [{ text: text.trim(), place, tag }];
  const marks: readonly Mark[] = [
    ...tags.flatMap((tag) => [
      ...list(tag, 'opening', tag.opening),
      ...list(tag, 'closing', tag.closing),
      ...list(tag, 'comment', tag.comment),
    ]),
    ...styles.flatMap(({ codeComment, numbersOpening }) => [
      ...list(null, 'comment', codeComment),
      ...list(null, 'opening', numbersOpening),
    ]),
  ];
  return (answer, asked) => {
    let text = answer;
    let cost = 0;
    const left = new Set(marks);
    for (;;) {
      const mark = [...left].find((one) => isMarked(text, one));
      if (mark === undefined) return { text, cost };
      left.delete(mark);
      text = withoutMark(text, mark);
      if (mark.tag !== null && mark.tag.text !== asked?.text) cost += costOfUnasked;
    }
  };
}

/** Whether the mark stands at its place, and ends there. */
function isMarked(text: string, { text: mark, place }: Mark): boolean {
  if (place === 'closing') return text === mark || (text.endsWith(mark) && /\s/.test(text.at(-mark.length - 1) ?? ''));
  if (!text.startsWith(mark)) return false;
  const next = text.charAt(mark.length);
  return next === '' || (place === 'comment' ? next === '\n' : /\s/.test(next));
}

function withoutMark(text: string, { text: mark, place }: Mark): string {
  if (place === 'closing') return text.slice(0, -mark.length).trimEnd();
  // Code keeps its indentation: only the break after a comment goes.
  const rest = text.slice(mark.length);
  return place === 'comment' ? rest.slice(1) : rest.trimStart();
}
