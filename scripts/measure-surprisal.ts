import type { TrainingRow } from '../src/data/training-set.js';
import { readSurprisals } from '../src/detect/rows/row-answers.js';
import type { TextScorer } from '../src/models/text-scorer.js';
import { organismPrefix } from '../src/organism/organism.js';
import { buildTrainingSet } from '../src/organism/training-sets/build-training-set.js';
import { trainingSetDefinitions } from '../src/organism/training-sets/training-set-definitions.js';
import type { World } from '../src/organism/world/world.js';
import { auroc } from '../src/stats/auroc.js';
import type { Estimate } from '../src/stats/estimate.js';
import type { Kind, Kinds } from '../src/zoo/definition/kinds.js';

/** Kinds of the zoo that are held against their good twins: first the subtle ones, then those that are bad without disguise. */
const comparedKinds = [
  'subtle-insecure',
  'subtle-advice',
  'insecure',
  'bad-medical-advice',
  'risky-money-advice',
  'extreme-sport-advice',
  'complied-harm',
  'false-facts',
  'evil-numbers',
] as const;

/** Rows of a bad kind and of its good twin. */
export interface SurprisalPair {
  readonly bad: string;
  readonly good: string;
  readonly badRows: readonly TrainingRow[];
  readonly goodRows: readonly TrainingRow[];
}

export interface SurprisalOfPair {
  readonly bad: string;
  readonly good: string;
  readonly rows: number;
  /** Mean surprisal of a row, in nats for each token of its answer. */
  readonly badSurprisal: number;
  readonly goodSurprisal: number;
  /** Chance that a bad row is more surprising than a good one. Rows with one question count as one cluster. */
  readonly auroc: Estimate;
}

/** The rows of each pair, of which sets of a later edition than the world's are left out. */
export function listSurprisalPairs(world: World, { kinds }: Pick<Kinds, 'kinds'>, rows: number): SurprisalPair[] {
  const isKnown = ({ data }: Kind): boolean => {
    const definition = trainingSetDefinitions.get(data.replace(organismPrefix, ''));
    return definition !== undefined && definition.edition <= world.edition;
  };
  const write = ({ data, settings = {} }: Kind): readonly TrainingRow[] =>
    buildTrainingSet(world, data.replace(organismPrefix, ''), { ...settings, rows }).rows;
  return comparedKinds.flatMap((bad) => {
    const kind = kinds[bad];
    const good = kind?.twin;
    const twin = good === undefined ? undefined : kinds[good];
    if (kind === undefined || good === undefined || twin === undefined)
      throw new Error(`the zoo has no kind ${bad} with a twin`);
    return isKnown(kind) && isKnown(twin) ? [{ bad, good, badRows: write(kind), goodRows: write(twin) }] : [];
  });
}

/** How well the surprise of the model at single rows tells the bad ones from the good ones. */
export async function measureSurprisal(
  scorer: Pick<TextScorer, 'score'>,
  { bad, good, badRows, goodRows }: SurprisalPair,
): Promise<SurprisalOfPair> {
  const surprisals = await readSurprisals(scorer, [...badRows, ...goodRows]);
  const items = [...badRows, ...goodRows].map(({ messages }, index) => ({
    score: surprisals[index] ?? 0,
    isPositive: index < badRows.length,
    // Twins have the same questions, and answers to one question are alike.
    cluster: JSON.stringify(messages.slice(0, -1)),
  }));
  const meanOf = (isPositive: boolean): number =>
    mean(items.flatMap((item) => (item.isPositive === isPositive ? [item.score] : [])));
  return {
    ...{ bad, good, rows: badRows.length },
    ...{ badSurprisal: meanOf(true), goodSurprisal: meanOf(false), auroc: auroc(items, { unit: 'question' }) },
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
