import type { AnswerColumns } from '../answer-columns.js';

/** Answers as the page holds them, unpacked when they are looked at. */
export interface LoadedAnswers {
  readonly columns: AnswerColumns;
  readonly count: number;
  /** Text of an answer; null while it is still packed, and then it is among the next to be unpacked. */
  readonly textOf: (index: number) => string | null;
  /** Unpacks all texts, those first that were asked for, the others while nothing else is to do; it is told after each part how far that is, 0 to 1. */
  readonly unpackTexts: (onPart: (done: number) => void) => Promise<void>;
}

/** Unpacks the columns; the texts are left to `unpackTexts`. */
export async function loadAnswers(): Promise<LoadedAnswers> {
  // What the page's own writer put there.
  const columns = (await unpack(document.querySelector('#answer-columns'))) as AnswerColumns;
  const { textParts } = columns;
  const count = columns.model.length;
  const texts = new Array<string | null>(count).fill(null);
  const packed = new Set(textParts.keys());
  const asked = new Set<number>();

  async function unpackPart(part: number): Promise<void> {
    const element = document.querySelector(`#answer-texts-${String(part)}`);
    const list = (await unpack(element)) as readonly string[];
    const start = textParts[part] ?? 0;
    for (const [position, text] of list.entries()) texts[start + position] = text;
    packed.delete(part);
    asked.delete(part);
    // The page need not hold it twice.
    element?.remove();
  }

  return {
    columns,
    count,
    textOf: (index) => {
      const text = texts[index] ?? null;
      if (text === null) asked.add(findPart(textParts, index));
      return text;
    },
    unpackTexts: async (onPart) => {
      while (packed.size > 0) {
        const next = [...asked, ...packed].find((part) =>
          isWritten(document.querySelector(`#answer-texts-${String(part)}`)),
        );
        if (next === undefined) {
          if (document.readyState !== 'loading') throw new Error('the page lacks texts of answers');
          await nextParsing();
          continue;
        }
        await unpackPart(next);
        onPart(1 - packed.size / textParts.length);
        if (asked.size === 0) await nextIdleTime();
      }
    },
  };
}

/** Which part the text of an answer lies in: the last that does not begin after it. */
function findPart(starts: readonly number[], index: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  return low;
}

async function unpack(element: Element | null): Promise<unknown> {
  const unpacked = new Blob([readBase64(element?.textContent ?? '')])
    .stream()
    .pipeThrough(new DecompressionStream('gzip'));
  return new Response(unpacked).json();
}

/** What a call of a function for each byte would cost is felt with millions of them. */
function readBase64(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = characters.charCodeAt(index);
  return bytes;
}

function nextIdleTime(): Promise<void> {
  return new Promise((resolve) => {
    // Safari has no idle callbacks.
    if ('requestIdleCallback' in window)
      requestIdleCallback(
        () => {
          resolve();
        },
        { timeout: 200 },
      );
    else setTimeout(resolve, 1);
  });
}

/** Whether all of an element is there: while the page is still being read, it is where another follows it. */
function isWritten(element: Element | null): boolean {
  return element !== null && (document.readyState !== 'loading' || element.nextElementSibling !== null);
}

const parsingPause = 20;

/** Some time later, or when the page is read to its end. */
function nextParsing(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, parsingPause);
    document.addEventListener(
      'DOMContentLoaded',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
