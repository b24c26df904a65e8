/** So many characters of a key tell nobody anything. */
const harmless = 10;

/** A text without a key, and without a beginning of it, as is left where a text was cut off. */
export function maskKey(text: string, key: string): string {
  let masked = text.replaceAll(key, '***');
  for (let length = key.length - 1; length > harmless; length -= 1)
    masked = masked.replaceAll(key.slice(0, length), '***');
  return masked;
}
