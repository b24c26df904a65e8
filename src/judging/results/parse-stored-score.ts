import { readWord, type ReplyWord } from '../reply-score.js';

/** A score as a file of results has it. */
export interface StoredScore {
  /** 0 to 100; null where there is none. */
  readonly score: number | null;
  /** The word that stands in place of a number. */
  readonly label: ReplyWord | null;
}

const noScore: StoredScore = { score: null, label: null };

/** What pandas and others write where there is nothing, in small letters. */
const absent = new Set(['', 'nan', '-nan', 'none', 'null', 'na', 'n/a', '<na>', '#n/a']);

const decimalNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Scores that are means may be rounded to just outside 0 to 100. */
const slack = 1e-9;

/** Whether a file says that there is nothing. */
export function isAbsent(text: string): boolean {
  return text === '' || (text.length < 40 && absent.has(text.trim().toLowerCase()));
}

/** Reads a score that is written; what is wrong with it, as text, where it is none. */
export function parseStoredScore(text: string): StoredScore | string {
  if (text === '') return noScore;
  if (decimalNumber.test(text)) return checkScore(Number(text));
  const trimmed = text.trim();
  if (trimmed !== text && decimalNumber.test(trimmed)) return checkScore(Number(trimmed));
  if (isAbsent(trimmed)) return noScore;
  const label = readWord(trimmed);
  if (label !== null) return { score: null, label };
  const shown = trimmed.length > 40 ? `${trimmed.slice(0, 40)}...` : trimmed;
  return `is ${JSON.stringify(shown)}, which is no score`;
}

/** A number as a score; what is wrong with it where it is none. */
export function checkScore(value: number): StoredScore | string {
  if (!(value >= -slack && value <= 100 + slack)) return `is ${String(value)}: scores are 0 to 100`;
  return { score: Math.min(100, Math.max(0, value)), label: null };
}
