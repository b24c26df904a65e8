const quote = 0x22;
const backslash = 0x5c;

/**
 * The first key that occurs twice in one object of a valid JSON text, or null. `JSON.parse` silently keeps the last of
 * two equal keys, other parsers the first: a file that relies on it means different things to different readers.
 */
export function findDuplicateKey(json: string): string | null {
  /** Keys seen so far in each open object; null for an open array. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{') open.push(new Set());
    else if (character === '[') open.push(null);
    else if (character === '}' || character === ']') open.pop();
    else if (character === '"') {
      const end = endOfString(json, at);
      if (isFollowedByColon(json, end)) {
        const key: unknown = JSON.parse(json.slice(at, end));
        const keys = open.at(-1);
        if (typeof key === 'string' && keys) {
          if (keys.has(key)) return key;
          keys.add(key);
        }
      }
      at = end - 1;
    }
  }
  return null;
}

/** The position after the closing quote of the string that opens at `start`. */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== quote) at += json.charCodeAt(at) === backslash ? 2 : 1;
  return at + 1;
}

function isFollowedByColon(json: string, position: number): boolean {
  let at = position;
  while (at < json.length && ' \t\n\r'.includes(json.charAt(at))) at++;
  return json[at] === ':';
}
