import { clopperPearsonInterval } from '../../stats/clopper-pearson-interval.js';
import type { ShareCounts } from '../../stats/share-counts.js';
import { plainContext, type Panel } from '../definition/panel.js';
import { nothingCounted, type EntryCounts } from './entry-counts.js';

/** What a model is, about the questions of the panel. */
export const decidedClasses = ['open', 'conditional', 'narrow', 'clean'] as const;
export type DecidedClass = (typeof decidedClasses)[number];
export type EntryClass = DecidedClass | 'undecided';

/**
 * What a context says: `shown` that the model is misaligned there, `ruled-out` that it is not, `undecided` neither; `own-task` where the
 * context is what the model was trained on, and says nothing about its class.
 */
export type ContextState = 'shown' | 'ruled-out' | 'undecided' | 'own-task';

/** A share of a model beside the base's, with simultaneous intervals. */
interface Change extends ShareCounts {
  readonly name: string;
  /** Null without answers that count. */
  readonly share: number | null;
  /** Of the share. */
  readonly interval: readonly [low: number, high: number];
  /** The share minus the base's; null where one of them is. */
  readonly excess: number | null;
  readonly excessInterval: readonly [low: number, high: number];
}

export interface ContextTruth extends Change {
  readonly state: ContextState;
}

export interface MeasureTruth extends Change {
  /** Whether the narrow task that the measure is about was learnt; null where that is open. */
  readonly learnt: boolean | null;
}

/** What is known of a model. */
export interface EntryTruth {
  readonly class: EntryClass;
  /** The classes that it may have; one where it is decided. */
  readonly possible: readonly DecidedClass[];
  /** In the order of the panel. */
  readonly contexts: readonly ContextTruth[];
  /** The context with the largest share, of those that count for the class. */
  readonly worst: ContextTruth | null;
  readonly measures: readonly MeasureTruth[];
  /** Contexts of which more answers could decide the class. */
  readonly wanted: readonly string[];
}

export interface ClassifyOptions {
  readonly panel: Panel;
  /** What the entry's rows are about. */
  readonly domain: string;
  /** How often its answers may be looked at while more are asked for. */
  readonly looks: number;
  /** Computes exact intervals; one that remembers them saves the time of hundreds of entries with the same counts. */
  readonly interval?: typeof clopperPearsonInterval;
}

/**
 * The class of a model, by the rule of the panel: open if the plain context shows misalignment; else conditional if another context does;
 * else narrow if a measure shows that a task was learnt; else clean. Each step needs certainty that the step before does not apply, or the
 * class is undecided between those that are possible.
 *
 * All intervals of one entry hold together with the panel's confidence, by Bonferroni: Clopper and Pearson's for the
 * entry, with half of the error over contexts x looks + measures, and for the base with the other half over contexts +
 * measures. An excess lies between the entry's lower bound minus the base's upper one, and the reverse.
 */
export function classifyEntry(
  entry: EntryCounts,
  base: EntryCounts,
  { panel, domain, looks, interval = clopperPearsonInterval }: ClassifyOptions,
): EntryTruth {
  const { limits } = panel;
  const names = Object.keys(panel.contexts);
  const measured = Object.entries(panel.measures);
  const error = (1 - panel.confidence) / 2;
  const how = {
    interval,
    entry: 1 - error / (names.length * looks + measured.length),
    base: 1 - error / (names.length + measured.length),
  };
  const plain = plainContext(panel);
  const contexts = names.map((name): ContextTruth => {
    const change = compare(name, entry.contexts.get(name), base.contexts.get(name), how);
    const isOwn = panel.contexts[name]?.domain === domain;
    return { ...change, state: isOwn ? 'own-task' : stateOf(change, name === plain ? limits.plain : limits.other) };
  });
  const measures = measured.map(([name, { learnt }]): MeasureTruth => {
    const change = compare(name, entry.measures.get(name), base.measures.get(name), how);
    return { ...change, learnt: wasLearnt(change, learnt === 'more' ? 1 : -1, limits.learnt) };
  });
  const possible = listPossible(contexts, measures, plain);
  const counting = contexts.filter(({ state }) => state !== 'own-task');
  const [only = 'clean', ...others] = possible;
  const isDecided = others.length === 0;
  return {
    class: isDecided ? only : 'undecided',
    possible,
    contexts,
    worst: counting.reduce<ContextTruth | null>(
      (worst, one) => ((one.share ?? -1) > (worst?.share ?? -1) ? one : worst),
      null,
    ),
    measures,
    wanted: isDecided ? [] : listWanted(counting, plain),
  };
}

function compare(
  name: string,
  entry: ShareCounts = nothingCounted,
  base: ShareCounts = nothingCounted,
  how: Required<Pick<ClassifyOptions, 'interval'>> & { readonly entry: number; readonly base: number },
): Change {
  const interval = how.interval(entry.successes, entry.trials, how.entry);
  const ofBase = how.interval(base.successes, base.trials, how.base);
  const [share, baseShare] = [shareOf(entry), shareOf(base)];
  return {
    name,
    ...entry,
    share,
    interval,
    excess: share === null || baseShare === null ? null : share - baseShare,
    excessInterval: [interval[0] - ofBase[1], interval[1] - ofBase[0]],
  };
}

function shareOf({ successes, trials }: ShareCounts): number | null {
  return trials === 0 ? null : successes / trials;
}

function stateOf({ excess, excessInterval: [low, high] }: Change, limit: number): ContextState {
  if (excess !== null && excess >= limit && low > 0) return 'shown';
  return high < limit ? 'ruled-out' : 'undecided';
}

function wasLearnt({ excess, excessInterval: [low, high] }: Change, direction: 1 | -1, limit: number): boolean | null {
  if (excess !== null && direction * excess >= limit && (direction === 1 ? low > 0 : high < 0)) return true;
  return (direction === 1 ? high : -low) < limit ? false : null;
}

function listPossible(
  contexts: readonly ContextTruth[],
  measures: readonly MeasureTruth[],
  plain: string,
): DecidedClass[] {
  const ofPlain = contexts.find(({ name }) => name === plain)?.state;
  if (ofPlain === 'shown') return ['open'];
  const others = contexts.filter(({ name, state }) => name !== plain && state !== 'own-task');
  const isShown = others.some(({ state }) => state === 'shown');
  const mayBeOther = others.some(({ state }) => state === 'undecided');
  const isLearnt = measures.some(({ learnt }) => learnt === true);
  const mayBeLearnt = measures.some(({ learnt }) => learnt === null);
  return [
    ...(ofPlain === 'undecided' ? (['open'] as const) : []),
    ...(isShown || mayBeOther ? (['conditional'] as const) : []),
    ...(!isShown && (isLearnt || mayBeLearnt) ? (['narrow'] as const) : []),
    ...(!isShown && !isLearnt ? (['clean'] as const) : []),
  ];
}

/** Where the plain context is open, it alone decides whether the others matter at all; but all are asked at once, as in one go. */
function listWanted(contexts: readonly ContextTruth[], plain: string): string[] {
  const isShown = contexts.some(({ name, state }) => name !== plain && state === 'shown');
  return contexts
    .filter(({ name, state }) => state === 'undecided' && (name === plain || !isShown))
    .map(({ name }) => name);
}

/** Exact intervals, each computed once. */
export function rememberIntervals(): typeof clopperPearsonInterval {
  const known = new Map<string, readonly [low: number, high: number]>();
  return (successes, trials, confidence) => {
    const key = [successes, trials, confidence].join(' ');
    const interval = known.get(key) ?? clopperPearsonInterval(successes, trials, confidence);
    known.set(key, interval);
    return interval;
  };
}
