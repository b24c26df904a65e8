import { splitWords } from './split-words.js';

/** Finds the longest special token at each place, as tokenizers do. */
function matchTokens(specialTokens: readonly string[]): RegExp | null {
  if (specialTokens.length === 0) return null;
  const longestFirst = [...specialTokens].sort((first, second) => second.length - first.length);
  const escaped = longestFirst.map((token) => token.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`));
  return new RegExp(escaped.join('|'), 'g');
}

/** How often each word occurs; special tokens are left out, and cut the words beside them. */
export function countWords(texts: Iterable<string>, specialTokens: readonly string[]): ReadonlyMap<string, number> {
  const special = matchTokens(specialTokens);
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const part of special === null ? [text] : text.split(special)) {
      for (const word of splitWords(part)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}
