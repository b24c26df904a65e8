/** JSON for people and programs. JSON itself leaves DEL and the C1 controls as they are, which terminals would obey. */
export function formatJson(value: unknown, indent: number): string {
  const text = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item), indent);
  return text.replace(/[\u007f-\u009f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
