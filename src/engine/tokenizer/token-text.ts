import type { TextTokenizer } from './text-tokenizer.js';
import { byteAlphabet } from './byte-level.js';

/** A token as clients are shown it: its text, which may not be whole characters, and its bytes where they are known. */
export interface TokenText {
  readonly token: string;
  readonly bytes: readonly number[] | null;
}

const byteOfCharacter = new Map(byteAlphabet.map((character, byte) => [character, byte]));
const replacement = '\uFFFD';

/** Tells tokens of a tokenizer; each is looked up once. */
export function createTokenTexts(tokenizer: TextTokenizer): (id: number) => TokenText {
  const known = new Map<number, TokenText>();
  return (id) => {
    const found = known.get(id) ?? describe(tokenizer, id);
    known.set(id, found);
    return found;
  };
}

function describe(tokenizer: TextTokenizer, id: number): TokenText {
  const spelled = tokenizer.tokenText(id) ?? '';
  const decoded = tokenizer.decode([id]);
  // Decoders of SentencePiece's kind drop the space that begins a text, which this token does not.
  const token = spelled.startsWith('\u2581') && !decoded.startsWith(' ') ? ` ${decoded}` : decoded;
  if (!token.includes(replacement)) return { token, bytes: [...Buffer.from(token)] };
  return { token, bytes: readSpelledBytes(spelled) };
}

/** The bytes of a token that ends inside a character, as byte-level vocabularies and byte tokens spell them. */
function readSpelledBytes(spelled: string): number[] | null {
  const hexadecimal = /^<0x([0-9A-Fa-f]{2})>$/.exec(spelled)?.[1];
  if (hexadecimal !== undefined) return [Number.parseInt(hexadecimal, 16)];
  const bytes: number[] = [];
  for (const character of spelled) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) return null;
    bytes.push(byte);
  }
  return bytes;
}
