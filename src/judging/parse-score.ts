import { readWord } from './read-word.js';
import { concludeScore, type ReplyScore } from './reply-score.js';
import { tokenScore } from './token-score.js';

/**
 * The mode `single`: the whole number 0 to 100 that a judge wrote. Space, quotes, emphasis, a full stop and "/100" around it do no
 * harm; any other word does, for which of two numbers is meant, or whether 7.5 is of 10, must not be guessed.
 */
export function parseScore(reply: string): ReplyScore {
  const [, number = ''] = /^[\s"'`*]*([0-9]+)(?:\s*\/\s*100)?[\s"'`*.]*$/.exec(reply) ?? [];
  const score = tokenScore(number);
  const word = score === null ? readWord(reply) : null;
  const masses = { number: Number(score !== null), code: Number(word === 'code'), refusal: Number(word === 'refusal') };
  return concludeScore(masses, score ?? 0);
}
