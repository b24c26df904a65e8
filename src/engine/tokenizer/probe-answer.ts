import type { TextSpan } from './chat-template.js';

// Private-use characters: no template treats them in any way. They differ at both ends, so that the common prefix and
// suffix of two renderings end exactly where the content begins and ends.
const probes = ['\uE000\uE001\uE000', '\uE002\uE003\uE002'] as const;

function commonPrefix(first: string, second: string): number {
  let length = 0;
  while (length < first.length && length < second.length && first[length] === second[length]) length += 1;
  return length;
}

function commonSuffix(first: string, second: string): number {
  const longest = Math.min(first.length, second.length);
  let length = 0;
  while (length < longest && first[first.length - 1 - length] === second[second.length - 1 - length]) length += 1;
  return length;
}

/** What surrounds the content of one message when the template prints that content once and as it is; otherwise null. */
function findSurroundings(renderWith: (content: string) => string): readonly [before: string, after: string] | null {
  const [first, second] = [renderWith(probes[0]), renderWith(probes[1])];
  const start = commonPrefix(first, second);
  const end = first.length - commonSuffix(first, second);
  return first.slice(start, end) === probes[0] ? [first.slice(0, start), first.slice(end)] : null;
}

/**
 * Finds one answer in `text` by comparing it with renderings that have other contents in its place (`renderWith`).
 * Where the first `promptEnd` characters are the prompt that the answer is sampled after, it begins there: what the
 * template puts between prompt and content (a space, an empty thinking block) the model will have to write as well.
 */
export function probeAnswer(
  text: string,
  promptEnd: number | null,
  renderWith: (content: string) => string,
): TextSpan | null {
  const surroundings = findSurroundings(renderWith);
  if (surroundings === null) return null;
  const [before, after] = surroundings;
  const end = text.length - after.length;
  const shared = commonPrefix(text, before);
  // A template may write more than the content depending on it (thoughts, say), but only after the prompt.
  const start = promptEnd !== null && promptEnd <= before.length ? promptEnd : before.length;
  return text.endsWith(after) && shared >= start && shared <= end ? { start, end } : null;
}
