import type { FoundCheckpoint } from './find-checkpoints.js';

/** What the last look saw of a checkpoint that is not whole yet. */
export interface SettlingCheckpoint {
  readonly trace: string;
  /** Milliseconds on the clock at which it was first seen as it is. */
  readonly since: number;
  /** Whether its user was told that it waits. */
  readonly isNamed: boolean;
}

export interface SettledLook {
  /** Those that are whole. */
  readonly ready: readonly FoundCheckpoint[];
  /** Those that are not. */
  readonly waiting: readonly FoundCheckpoint[];
  /** Of these the ones that have not changed for so long that they are to be named now, once. */
  readonly late: readonly FoundCheckpoint[];
  /** For the next look. */
  readonly settling: ReadonlyMap<string, SettlingCheckpoint>;
}

/**
 * Tells whole checkpoints from half-written ones, of which a trainer may still be writing some. Whole is one that lacks nothing, and of which
 * its trainer says that it is finished, or that the look before saw as it is. `patience`: milliseconds without a change after which one that
 * is not whole is named.
 */
export function settleCheckpoints(
  found: readonly FoundCheckpoint[],
  before: ReadonlyMap<string, SettlingCheckpoint>,
  { now, patience }: { readonly now: number; readonly patience: number },
): SettledLook {
  const ready: FoundCheckpoint[] = [];
  const waiting: FoundCheckpoint[] = [];
  const late: FoundCheckpoint[] = [];
  const settling = new Map<string, SettlingCheckpoint>();
  for (const checkpoint of found) {
    const { name, trace, lacks, isSealed } = checkpoint;
    const known = before.get(name);
    const same = known?.trace === trace ? known : null;
    const since = same?.since ?? now;
    const isWhole = lacks === null && (isSealed || same !== null);
    const isLate = !isWhole && same?.isNamed !== true && now - since >= patience;
    settling.set(name, { trace, since, isNamed: !isWhole && (isLate || same?.isNamed === true) });
    (isWhole ? ready : waiting).push(checkpoint);
    if (isLate) late.push(checkpoint);
  }
  return { ready, waiting, late, settling };
}
