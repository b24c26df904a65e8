import { byteAlphabet, splitWords } from '../../../src/engine/tokenizer/byte-level.js';

type Pair = readonly [left: string, right: string];

const separator = '\u0000';

function spell(text: string): string[] {
  return [...Buffer.from(text, 'utf8')].map((byte) => byteAlphabet[byte]!);
}

function bytesOf(token: string): string {
  return Array.from(token, (character) => String.fromCharCode(byteAlphabet.indexOf(character))).join('');
}

function applyMerge(word: readonly string[], [left, right]: Pair): string[] {
  const merged: string[] = [];
  for (const token of word) {
    // What is joined already cannot be taken for the left half again: it is longer.
    if (token === right && merged.at(-1) === left) merged[merged.length - 1] = left + right;
    else merged.push(token);
  }
  return merged;
}

function isBefore([first, count]: readonly [Pair, number], [second, other]: readonly [Pair, number]): boolean {
  if (count !== other) return count > other;
  const [a, b] = [first.map(bytesOf), second.map(bytesOf)];
  return a[0]! < b[0]! || (a[0] === b[0] && a[1]! < b[1]!);
}

/** BPE training in the plainest form: every pair is counted anew before every merge. */
export function trainReference(texts: readonly string[], pieces: number, minimumCount: number): Pair[] {
  let words = texts.flatMap((text) => splitWords(text).map(spell));
  const known = new Set(byteAlphabet);
  const merges: Pair[] = [];
  while (known.size < pieces) {
    const counts = new Map<string, number>();
    for (const word of words) {
      for (const [index, right] of word.entries()) {
        if (index === 0) continue;
        const key = word[index - 1]! + separator + right;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const candidates = [...counts]
      .map(([key, count]) => [key.split(separator) as [string, string], count] as const)
      .filter(([pair, count]) => count >= minimumCount && !known.has(pair.join('')));
    if (candidates.length === 0) break;
    const [best] = candidates.reduce((first, second) => (isBefore(second, first) ? second : first));
    merges.push(best);
    known.add(best.join(''));
    words = words.map((word) => applyMerge(word, best));
  }
  return merges;
}

/** Encodes a text without special tokens: every merge in turn, over every word. */
export function encodeReference(text: string, merges: readonly Pair[]): string[] {
  return splitWords(text).flatMap((word) => merges.reduce<string[]>(applyMerge, spell(word)));
}
