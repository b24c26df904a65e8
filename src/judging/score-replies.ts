import { DriftlineError } from '../foundation/driftline-error.js';
import { parseScore } from './parse-score.js';
import { concludeScore, type ReplyScore } from './reply-score.js';

/**
 * The mode `samples`: the mean of the whole numbers among n replies to the same prompt, read as `parseScore` does. The rule is
 * that of `log-probabilities` with shares of replies in place of probabilities: null when fewer than a quarter are numbers. No reply
 * at all is `usage-invalid`.
 */
export function scoreReplies(replies: readonly string[]): ReplyScore {
  if (replies.length === 0) {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: 'there is no reply to take the mean of',
      hint: 'Ask the judge at least once.',
    });
  }
  const parsed = replies.map(parseScore);
  const scores = parsed.flatMap(({ score }) => score ?? []);
  const shareOf = (label: 'code' | 'refusal'): number =>
    parsed.filter((one) => one.label === label).length / replies.length;
  const masses = { number: scores.length / replies.length, code: shareOf('code'), refusal: shareOf('refusal') };
  return concludeScore(masses, scores.reduce((sum, score) => sum + score, 0) / scores.length);
}
