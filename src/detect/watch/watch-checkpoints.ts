import { stat } from 'node:fs/promises';
import { waitFor, type Clock } from '../../foundation/clock.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ErrorCode } from '../../foundation/error-codes.js';
import { isMissing } from '../../foundation/file-failure.js';
import { findCheckpoints, type FoundCheckpoint, type FoundTraining } from './find-checkpoints.js';
import { settleCheckpoints, type SettlingCheckpoint } from './settle-checkpoints.js';

/** Something that happened to a checkpoint. */
export type CheckpointEvent<Scored> =
  | { readonly kind: 'scored'; readonly checkpoint: FoundCheckpoint; readonly scored: Scored }
  /** Half-written for a while: it is waited for all the same. */
  | { readonly kind: 'unfinished'; readonly checkpoint: FoundCheckpoint; readonly problem: string }
  /** Whole, and nothing that can be scored. It is looked at again once it changes. */
  | { readonly kind: 'unreadable'; readonly checkpoint: FoundCheckpoint; readonly problem: string }
  /** Its trainer removed it before it was scored. */
  | { readonly kind: 'gone'; readonly checkpoint: FoundCheckpoint };

/** Why there is nothing more to watch: the training says that it is over, or nothing came for long, or one look was wanted. */
export const watchEnds = ['trained', 'quiet', 'once'] as const;
export type WatchEnd = (typeof watchEnds)[number];

export interface WatchCheckpointsSettings<Scored> {
  /** Of the training. It need not be there yet. */
  readonly folder: string;
  readonly score: (checkpoint: FoundCheckpoint) => Promise<Scored>;
  readonly clock: Clock;
  /** Milliseconds between two looks. */
  readonly poll: number;
  /** Milliseconds without anything new after which it ends. */
  readonly quietFor: number;
  /** Milliseconds without a change after which a half-written checkpoint is named. */
  readonly patience: number;
  /** Whether to look once, at what is there. */
  readonly isOnce: boolean;
  readonly signal: AbortSignal;
}

export interface WatchOutcome {
  readonly end: WatchEnd;
  /** Checkpoints that were not scored, with the reasons. */
  readonly unread: readonly { readonly checkpoint: FoundCheckpoint; readonly problem: string }[];
}

/** What is wrong with one checkpoint, and perhaps not with the next one. */
const ofOne: readonly ErrorCode[] = [
  ...(['adapter-invalid', 'checkpoint-invalid', 'checkpoint-missing', 'tensor-missing'] as const),
  ...(['tensor-shape-mismatch', 'tokenizer-missing', 'tokenizer-invalid', 'chat-template-missing'] as const),
  ...(['chat-template-invalid', 'file-unreadable'] as const),
];

/**
 * Follows the folder of a training: each checkpoint is scored when it is whole, in the order of steps of those that are. Whoever has seen
 * enough stops asking for more.
 */
export async function* watchCheckpoints<Scored>({
  folder,
  score,
  clock,
  poll,
  quietFor,
  patience,
  isOnce,
  signal,
}: WatchCheckpointsSettings<Scored>): AsyncGenerator<CheckpointEvent<Scored>, WatchOutcome> {
  let settling: ReadonlyMap<string, SettlingCheckpoint> = new Map();
  let seen = '';
  let changed = clock.now();
  /** What was done with a checkpoint, by its name and its trace: null for a score. */
  const done = new Map<string, string | null>();
  const keyOf = ({ name, trace }: FoundCheckpoint): string => `${name}\n${trace}`;
  for (;;) {
    signal.throwIfAborted();
    const { checkpoints, isOver } = await look(folder);
    const now = clock.now();
    const traces = checkpoints.map(keyOf).join('\n\n');
    if (traces !== seen) [seen, changed] = [traces, now];
    const settled = settleCheckpoints(checkpoints, settling, { now, patience });
    settling = settled.settling;
    // Whoever looks once takes what lacks nothing as it is.
    const whole = (one: FoundCheckpoint): boolean => isOnce && one.lacks === null;
    for (const checkpoint of settled.late)
      if (!whole(checkpoint)) yield { kind: 'unfinished', checkpoint, problem: lackOf(checkpoint) };
    for (const checkpoint of checkpoints.filter((one) => settled.ready.includes(one) || whole(one))) {
      signal.throwIfAborted();
      if (done.has(keyOf(checkpoint))) continue;
      const event = await scoreOne(checkpoint, score);
      if (event.kind === 'scored' || event.kind === 'unreadable')
        done.set(keyOf(checkpoint), event.kind === 'scored' ? null : event.problem);
      yield event;
    }
    const waiting = settled.waiting.filter((one) => !whole(one));
    const end = findEnd({
      isOnce,
      isOver: isOver && waiting.every(({ name }) => settling.get(name)?.isNamed === true),
    });
    if (end !== null || now - changed >= quietFor)
      return {
        end: end ?? 'quiet',
        unread: [
          ...waiting.map((checkpoint) => ({ checkpoint, problem: lackOf(checkpoint) })),
          ...checkpoints.flatMap((checkpoint) => {
            const problem = done.get(keyOf(checkpoint)) ?? null;
            return problem === null ? [] : [{ checkpoint, problem }];
          }),
        ],
      };
    await waitFor(clock, poll, signal);
  }
}

function findEnd({ isOnce, isOver }: { readonly isOnce: boolean; readonly isOver: boolean }): WatchEnd | null {
  return isOver ? 'trained' : isOnce ? 'once' : null;
}

/** A training that has not begun has no folder. */
async function look(folder: string): Promise<FoundTraining> {
  return findCheckpoints(folder).catch((cause: unknown) => {
    if (isMissing(cause)) return { checkpoints: [], isOver: false };
    throw cause;
  });
}

async function scoreOne<Scored>(
  checkpoint: FoundCheckpoint,
  score: (checkpoint: FoundCheckpoint) => Promise<Scored>,
): Promise<CheckpointEvent<Scored>> {
  try {
    return { kind: 'scored', checkpoint, scored: await score(checkpoint) };
  } catch (cause) {
    if (!DriftlineError.isInstance(cause) || !ofOne.includes(cause.code)) throw cause;
    const isThere = await stat(checkpoint.folder).then(
      () => true,
      () => false,
    );
    return isThere ? { kind: 'unreadable', checkpoint, problem: cause.message } : { kind: 'gone', checkpoint };
  }
}

function lackOf({ lacks }: FoundCheckpoint): string {
  return lacks ?? 'it is still being written';
}
