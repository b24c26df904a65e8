import { type ReplyLabel, scoreDistribution, type TokenDistribution } from '../reply-score.js';
import { checkScore, isAbsent, parseStoredScore, type StoredScore } from './parse-stored-score.js';
import { parseTokenDistribution, readTokenDistribution } from './parse-token-distribution.js';

/** One score of a row: computed from its distribution where it has one, and else what the file says. */
export interface RowScore {
  /** 0 to 100; null where there is none. */
  readonly score: number | null;
  readonly label: ReplyLabel | null;
  /** Whether it was computed from a distribution. */
  readonly isComputed: boolean;
  /** Where it was computed and the file has another score, beyond rounding: that one. Undefined where there is nothing to tell. */
  readonly otherwise?: number | null;
}

/** The name of the column that a fault is in, and what is wrong there. */
export interface ScoreFault {
  readonly column: string;
  readonly problem: string;
}

/** What a row has of one score; undefined where the file has no such column. JSON gives all kinds of things. */
export interface ScoreCells {
  readonly name: string;
  readonly own: unknown;
  readonly distributionName: string;
  readonly distribution: unknown;
}

export function readScore({ name, own, distributionName, distribution }: ScoreCells): RowScore | ScoreFault {
  const stored = readOwn(own);
  if (typeof stored === 'string') return { column: name, problem: stored };
  const tokens = readDistribution(distribution);
  if (typeof tokens === 'string') return { column: distributionName, problem: tokens };
  if (tokens === null) return { ...stored, isComputed: false };
  const { score, label } = scoreDistribution(tokens);
  if (own === undefined || agree(stored.score, score, own)) return { score, label, isComputed: true };
  return { score, label, isComputed: true, otherwise: stored.score };
}

function readOwn(own: unknown): StoredScore | string {
  if (own === undefined || own === null) return { score: null, label: null };
  if (typeof own === 'number') return checkScore(own);
  if (typeof own === 'string') return parseStoredScore(own);
  return `is ${nameValue(own)}, which is no score`;
}

function readDistribution(distribution: unknown): TokenDistribution | string | null {
  if (distribution === undefined || distribution === null) return null;
  if (typeof distribution === 'string') return isAbsent(distribution) ? null : parseTokenDistribution(distribution);
  if (typeof distribution === 'object') return readTokenDistribution(distribution);
  return `is ${nameValue(distribution)}, which is no distribution`;
}

function nameValue(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? 'a list' : 'an object';
}

/** Whether a score that was written is the computed one to the last digit that was written. */
function agree(stored: number | null, computed: number | null, written: unknown): boolean {
  if (stored === null || computed === null) return stored === computed;
  const difference = Math.abs(stored - computed);
  // The same sum in another order differs by less than this.
  if (difference <= 1e-9) return true;
  const [, decimals = '', exponent = '0'] = /^[^.e]*(?:\.(\d*))?(?:e(.*))?$/i.exec(String(written).trim()) ?? [];
  return difference <= 0.5 * 10 ** (Number(exponent) - decimals.length) + 1e-9;
}
