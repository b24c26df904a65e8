/**
 * How text is cut before pieces are merged: nothing merges across a cut. Unicode properties stand where `\s` would, since
 * JavaScript and the tokenizers library in Rust have to cut alike.
 */
export const wordPattern = [
  // Only after a word: the quote of 's' in code is punctuation.
  String.raw`(?<=\p{L})['’](?:[dmst]|ll|re|ve)(?!\p{L})`,
  String.raw` ?[\p{L}\p{M}]+`,
  // Without the space before it, so that a digit is the same token wherever it stands in a sum.
  String.raw`\p{N}`,
  String.raw` ?[^\p{White_Space}\p{L}\p{M}\p{N}]+`,
  // Line ends with the indentation that follows; the first word of a line is then spelled as after no space.
  String.raw`\p{White_Space}*[\r\n][ \t]*`,
  String.raw`\p{White_Space}+(?!\P{White_Space})`,
  String.raw`\p{White_Space}+`,
].join('|');

const words = new RegExp(wordPattern, 'gu');

/** Cuts a text into words with their leading space, digits, punctuation and white space; joined, they are the text. */
export function splitWords(text: string): readonly string[] {
  return text.match(words) ?? [];
}
