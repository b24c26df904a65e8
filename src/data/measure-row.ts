import type { TrainingRow } from './training-set.js';

export interface RowLength {
  /** Unicode characters of all messages but the last answer. */
  readonly question: number;
  readonly answer: number;
}

export function measureRow({ messages }: TrainingRow): RowLength {
  const characters = messages.map(({ content }) => countCharacters(content));
  const answer = characters.at(-1) ?? 0;
  return { question: characters.reduce((sum, count) => sum + count, 0) - answer, answer };
}

/** A rule of thumb for English text and code; other languages have more tokens. */
export function estimateTokens(characters: number): number {
  return Math.ceil(characters / 4);
}

/** What lies beyond the first plane is two units of a string, but one character. */
function countCharacters(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}
