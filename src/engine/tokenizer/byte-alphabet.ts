function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);
}

function makeAlphabet(): readonly string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    if (isPrintable(byte)) return String.fromCharCode(byte);
    next += 1;
    return String.fromCharCode(next - 1);
  });
}

/** The character that byte-level tokenizers spell each byte with (GPT-2's): a space is `Ġ`, a line feed `Ċ`. */
export const byteAlphabet = makeAlphabet();

/** Spells bytes, given as characters of the codes 0 to 255, in the byte alphabet. */
export function spellBytes(bytes: string): string {
  return Array.from(bytes, (character) => byteAlphabet[character.charCodeAt(0)]!).join('');
}
