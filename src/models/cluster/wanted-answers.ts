import { answerKey, type LaneAnswer } from './read-answer-segments.js';
import { groupName, joinSeeds, type RequestGroup } from './request-group.js';

/** Who waits for answers of a lane. */
export interface LaneListener {
  /** `taken` says that it will not be lost any more; what is not taken when the listener leaves is told to the next who asks. */
  readonly onAnswer: (answer: LaneAnswer, taken: () => void) => void;
  readonly onFailure: (cause: unknown) => void;
}

/** Which answers of a lane are waited for, and by whom. */
export interface WantedAnswers {
  readonly count: () => number;
  /** Keys that are waited for, as they were asked last. */
  readonly keys: () => Iterable<string>;
  readonly isWanted: (key: string) => boolean;
  /** Answers that were told until now. */
  readonly told: () => number;
  /** Files of answers that were told and are not taken yet. */
  readonly held: () => number[];
  /** Tells the listener each answer to the groups once; returns how to stop listening. Gives back what it was told and has not taken. */
  readonly listen: (
    groups: readonly RequestGroup[],
    listener: LaneListener,
    giveBack: (key: string, file: number) => void,
  ) => () => void;
  /** Tells an answer to all who wait for its key; false where nobody does. */
  readonly deliver: (answer: LaneAnswer, key: string, file: number) => boolean;
  /** What is waited for, as a lane is asked for it. */
  readonly gather: () => RequestGroup[];
  /** From now on asks for what is missing under other names, since a job takes the keys that it has seen for answered. */
  readonly renameMissing: (attempt: number) => void;
  /** Tells all who wait that nothing comes any more. */
  readonly fail: (cause: unknown) => void;
}

interface Waiting {
  readonly listener: LaneListener;
  /** Keys of answers that it was told and has not taken, by their files. */
  readonly untaken: Map<string, number>;
}

/** A key that is waited for. */
interface WantedKey {
  readonly group: RequestGroup;
  readonly seed: number;
  readonly waiting: Set<Waiting>;
  /** The key by which it was asked last: another one where an answer was damaged. */
  attempt: number;
}

export function createWantedAnswers(): WantedAnswers {
  const wanted = new Map<string, WantedKey>();
  const listening = new Set<Waiting>();
  let told = 0;

  return {
    count: () => wanted.size,
    keys: () => wanted.keys(),
    isWanted: (key) => wanted.has(key),
    told: () => told,
    held: () => [...listening].flatMap(({ untaken }) => [...untaken.values()]),
    listen: (groups, listener, giveBack) => {
      const waiting: Waiting = { listener, untaken: new Map() };
      listening.add(waiting);
      for (const group of groups)
        for (const [first, count] of group.seeds)
          for (let seed = first; seed < first + count; seed += 1) {
            const key = answerKey(group.q, seed);
            const found = wanted.get(key) ?? { group, seed, waiting: new Set(), attempt: 0 };
            found.waiting.add(waiting);
            wanted.set(key, found);
          }
      return () => {
        for (const [key, one] of wanted) {
          if (!one.waiting.delete(waiting)) continue;
          if (one.waiting.size === 0) wanted.delete(key);
        }
        listening.delete(waiting);
        for (const [key, file] of waiting.untaken) giveBack(key, file);
      };
    },
    deliver: (answer, key, file) => {
      const found = wanted.get(key);
      if (found === undefined) return false;
      wanted.delete(key);
      told += 1;
      for (const { listener, untaken } of found.waiting) {
        untaken.set(key, file);
        listener.onAnswer({ ...answer, q: found.group.q }, () => untaken.delete(key));
      }
      return true;
    },
    gather: () => {
      const groups = new Map<string, { readonly group: RequestGroup; readonly seeds: number[] }>();
      for (const { group, seed, attempt } of wanted.values()) {
        const asked = withAttempt(group, attempt);
        const found = groups.get(asked.q) ?? { group: asked, seeds: [] };
        found.seeds.push(seed);
        groups.set(asked.q, found);
      }
      return [...groups.values()].map(({ group, seeds }) => ({ ...group, seeds: joinSeeds(seeds) }));
    },
    renameMissing: (attempt) => {
      for (const [key, one] of [...wanted]) {
        wanted.delete(key);
        one.attempt = attempt;
        wanted.set(answerKey(withAttempt(one.group, attempt).q, one.seed), one);
      }
    },
    fail: (cause) => {
      const failed = new Set([...wanted.values()].flatMap((one) => [...one.waiting]));
      wanted.clear();
      for (const { listener } of failed) listener.onFailure(cause);
    },
  };
}

function withAttempt(group: RequestGroup, attempt: number): RequestGroup {
  if (attempt === 0) return group;
  const { q: _, seeds, ...settings } = group;
  const again = { ...settings, attempt };
  return { ...again, q: groupName(again), seeds };
}
