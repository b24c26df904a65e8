/** C0 without tab and line feed, DEL, C1, and the characters that reverse the direction of writing. */
// eslint-disable-next-line no-control-regex -- they are what this is about
const controlCharacters = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Shows what would move the cursor, change colours or answer to the terminal as \u001b and the like. */
export function escapeControlCharacters(text: string): string {
  return text.replace(controlCharacters, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return `\\u${code.padStart(4, '0')}`;
  });
}

/** JSON for people and programs. JSON itself leaves DEL and the C1 controls as they are, which terminals would obey. */
export function formatJson(value: unknown, indent: number): string {
  const text = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item), indent);
  return text.replace(/[\u007f-\u009f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
