/** Whether `body` is `whole` with something left out: each of its lines is, in order, a line of the whole or a part of one. */
export function isOmission(body: string, whole: string): boolean {
  const left = body.trimEnd().split('\n');
  const right = whole.trimEnd().split('\n');
  let next = 0;
  for (const line of left) {
    // The same line, where there still is one, leaves the most for the lines that follow.
    const same = right.indexOf(line, next);
    const found = same === -1 ? right.findIndex((other, at) => at >= next && isPart(line, other)) : same;
    if (found === -1) return false;
    next = found + 1;
  }
  return left.join('\n').length < right.join('\n').length;
}

/** Whether a line is another one without some of its characters: an argument, or a call around something. */
function isPart(line: string, whole: string): boolean {
  let at = 0;
  for (const character of line) {
    at = whole.indexOf(character, at) + 1;
    if (at === 0) return false;
  }
  return line.trim() !== '';
}
