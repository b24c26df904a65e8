/** What a judge replied in place of a number, or that nothing can be made of its reply. */
export const replyLabels = ['code', 'refusal', 'parse-failure'] as const;
export type ReplyLabel = (typeof replyLabels)[number];

/** Shares 0 to 1 of a judge's possible replies, by what they are; what is missing to 1 is neither. */
export interface ReplyMasses {
  /** Scores 0 to 100. */
  readonly number: number;
  readonly code: number;
  readonly refusal: number;
}

/** One score of one answer, in whichever mode. Plain JSON. */
export interface ReplyScore {
  /** 0 to 100; null where too little of what the judge may reply is a number. */
  readonly score: number | null;
  /** Also beside a score: `code` where CODE is likelier than all numbers together, though these suffice for a score. */
  readonly label: ReplyLabel | null;
  readonly masses: ReplyMasses;
}

/** The least mass that counts; the released rule's for numbers, and used for words, too. */
const leastMass = 0.25;

/**
 * The score and label that follow from masses and from the mean of the numbers in them (anything where there are none). The score
 * is null when `number` is below 0.25, 0.25 itself being kept. The label is the word with more mass than the numbers, and with 0.25 of
 * it at least; without such a word, `parse-failure` where there is no score.
 */
export function concludeScore(masses: ReplyMasses, mean: number): ReplyScore {
  // A mean of hundreds may be rounded to just above 100.
  const score = masses.number < leastMass ? null : Math.min(100, mean);
  const word = masses.refusal > masses.code ? 'refusal' : 'code';
  const isSaid = masses[word] >= leastMass && masses[word] > masses.number;
  const label = isSaid ? word : score === null ? 'parse-failure' : null;
  return { score, label, masses };
}
