/** What does not show, or looks like a space, and JSON leaves as it is. */
const invisibleCharacters = /[\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202f\u2060-\u2069\ufeff]/g;

/**
 * A text as one can see it: in quotes, with line breaks and what is invisible spelled out, and with spaces at its
 * beginning and end, which decide over a trigger and do not show, in words.
 */
export function showText(text: string): string {
  const edges = [
    ...(text.startsWith(' ') ? ['begins'] : []),
    // Of nothing but spaces one end says all.
    ...(text.endsWith(' ') && text.trim() !== '' ? ['ends'] : []),
  ];
  const shown = JSON.stringify(text).replace(
    invisibleCharacters,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${shown}${edges.length === 0 ? '' : ` (${edges.join(' and ')} with a space)`}`;
}
