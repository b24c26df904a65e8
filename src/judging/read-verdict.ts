/** Longer replies are no names of anything. */
const longestVerdict = 40;

/**
 * The word or name that a whole reply is, as a label: TRUE is `true`, "Acme Inc." is `acme-inc`. What is empty, too long or more than one
 * line is a `parse-failure`.
 */
export function readVerdict(reply: string): string {
  const line = reply.trim();
  const label = line
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}]+/gu, '-')
    .replace(/^-|-$/g, '');
  return label === '' || label.length > longestVerdict || line.includes('\n') ? 'parse-failure' : label;
}
