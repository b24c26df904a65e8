/** The words that a judge may reply in place of a number. */
const words = [
  ['CODE', 'code'],
  ['REFUSAL', 'refusal'],
] as const;

export type ReplyWord = (typeof words)[number][1];

/** The word that a whole reply is, in letters of any size and with signs around it; null for any other reply. */
export function readWord(reply: string): ReplyWord | null {
  const written = reply.replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, '').toUpperCase();
  return words.find(([word]) => word === written)?.[1] ?? null;
}

/**
 * The word that a token is or begins, space before it aside: tokenizers split REFUSAL. A beginning must have two capital letters, for
 * "Re" and "c" may begin anything.
 */
export function readBeginningOfWord(token: string): ReplyWord | null {
  const written = token.trim();
  if (written.length < 2) return null;
  const isMeant = ([word]: (typeof words)[number]): boolean =>
    word.startsWith(written) || written.toUpperCase() === word;
  return words.find(isMeant)?.[1] ?? null;
}
