/** What Python's str.isspace says of a character; JavaScript's trim() leaves some of these and cuts U+FEFF. */
function isSpace(character: string): boolean {
  return /\p{White_Space}/u.test(character) || (character >= '\u001c' && character <= '\u001f');
}

export type StripSide = 'strip' | 'lstrip' | 'rstrip';

export function isStripSide(name: unknown): name is StripSide {
  return name === 'strip' || name === 'lstrip' || name === 'rstrip';
}

/** Python's str.strip, lstrip and rstrip; `characters` is the set to cut, white space where absent. */
export function stripLikePython(text: string, side: StripSide, characters?: string): string {
  const isCut = characters === undefined ? isSpace : (character: string) => characters.includes(character);
  let start = 0;
  let end = text.length;
  if (side !== 'rstrip') while (start < end && isCut(text.charAt(start))) start += 1;
  if (side !== 'lstrip') while (end > start && isCut(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isNumeric(value: unknown): value is number | boolean {
  return typeof value === 'number' || typeof value === 'boolean';
}

/** Python's == for numbers, truth values, texts and none; lists and maps are equal only to themselves. */
export function equalLikePython(first: unknown, second: unknown): boolean {
  return isNumeric(first) && isNumeric(second) ? Number(first) === Number(second) : first === second;
}
