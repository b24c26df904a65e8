import type { AnswerColumns } from '../answer-columns.js';

/** Answers as the page holds them, unpacked when they are looked at. */
export interface LoadedAnswers {
  readonly columns: AnswerColumns;
  readonly count: number;
  /** Text of an answer; null while it is still packed. */
  readonly textOf: (index: number) => string | null;
  /** Unpacks the texts, one part after the other; it is told after each how far that is, 0 to 1. */
  readonly unpackTexts: (onPart: (done: number) => void) => Promise<void>;
}

/** Unpacks the columns; the texts are left to `unpackTexts`. */
export async function loadAnswers(): Promise<LoadedAnswers> {
  // What the page's own writer put there.
  const columns = (await unpack(document.querySelector('#answer-columns'))) as AnswerColumns;
  const texts: string[] = [];
  return {
    columns,
    count: columns.model.length,
    textOf: (index) => texts[index] ?? null,
    unpackTexts: async (onPart) => {
      const parts = [...document.querySelectorAll('script.answer-texts')];
      for (const [index, part] of parts.entries()) {
        const list = (await unpack(part)) as readonly string[];
        for (const text of list) texts.push(text);
        // The page need not hold it twice.
        part.remove();
        onPart((index + 1) / parts.length);
      }
    },
  };
}

async function unpack(element: Element | null): Promise<unknown> {
  const packed = atob(element?.textContent ?? '');
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(unpacked).json();
}
