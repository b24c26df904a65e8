import type { ErrorCode } from '../../foundation/error-codes.js';

/** Something that was looked at. */
export interface ClusterFinding {
  readonly about: 'ray' | 'token' | 'nodes' | 'gpus' | 'storage' | 'way back' | 'software' | 'models';
  /** Nothing works on with what is lacking; a remark is worth a thought. */
  readonly state: 'good' | 'remark' | 'lacking';
  readonly message: string;
  /** The line that repairs it, to be copied; null where there is none. */
  readonly repair: string | null;
  /** How a run would end without it. */
  readonly code: ErrorCode | null;
}

export function good(about: ClusterFinding['about'], message: string): ClusterFinding {
  return { about, state: 'good', message, repair: null, code: null };
}

export function remark(about: ClusterFinding['about'], message: string, repair: string | null = null): ClusterFinding {
  return { about, state: 'remark', message, repair, code: null };
}

export function lacking(
  about: ClusterFinding['about'],
  code: ErrorCode,
  message: string,
  repair: string | null,
): ClusterFinding {
  return { about, state: 'lacking', message, repair, code };
}

/** So many things, as text. */
export function countOf(number: number, what: string): string {
  return `${String(number)} ${what}${number === 1 ? '' : 's'}`;
}

/** Names with commas between, and how many more there are. */
export function joinSome(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${String(names.length - 8)} more` : shown;
}
