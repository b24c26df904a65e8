import { createRandomStream, type RandomStream } from '../src/foundation/random-stream.js';
import { createBetaBinomial } from '../src/stats/beta-binomial.js';
import type { ClusterCounts, ModelCounts } from '../src/stats/share-counts.js';
import { inverseIncompleteBeta } from '../src/stats/incomplete-beta.js';
import { normalCumulative } from '../src/stats/normal-distribution.js';

/** Conditions that are asked the same questions. */
export interface ComparisonCell {
  readonly questions: number;
  readonly answers: number;
  /** Mean share of each condition over questions. */
  readonly rates: readonly number[];
  /** Of two answers to one question in one condition. */
  readonly correlation: number;
  /** Of a question's standing in two conditions: 0 if what is hard in one says nothing of the other. */
  readonly likeness: number;
}

/** Questions of few kinds, each with a share of its own in each condition. */
export interface KindsCell {
  readonly questions: number;
  readonly answers: number;
  readonly kinds: readonly {
    /** The chance that a question is of this kind; they add up to 1. */
    readonly part: number;
    /** By condition. */
    readonly shares: readonly number[];
  }[];
}

/** Fine-tunes of one condition that are asked the same questions. */
export interface FineTuneCell {
  readonly models: number;
  readonly questions: number;
  readonly answers: number;
  readonly rate: number;
  /** Of two answers of one fine-tune, beyond the rate of all: how unlike seeds are. */
  readonly seedCorrelation: number;
  readonly correlation: number;
}

export interface Held {
  /** Share of repeats whose interval held what it is about; one without an interval does not. */
  readonly covered: number;
  readonly width: number;
}

/** Points of a beta distribution that are equally likely; finer makes no difference that so many repeats could show. */
export const points = 200;

const tables = new Map<string, Float64Array>();

export function sharesOf(rate: number, correlation: number): Float64Array {
  const key = `${String(rate)} ${String(correlation)}`;
  let table = tables.get(key);
  if (table === undefined) {
    const size = (1 - correlation) / correlation;
    table = Float64Array.from(
      { length: points },
      (_, index) => inverseIncompleteBeta((index + 0.5) / points, rate * size, (1 - rate) * size).value,
    );
    tables.set(key, table);
  }
  return table;
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** Which of the points; two with one `shared` resemble each other by `likeness` (a Gaussian copula). */
export function drawPoint(random: RandomStream, shared: number, likeness: number): number {
  const standing = Math.sqrt(likeness) * shared + Math.sqrt(1 - likeness) * random.normal();
  return Math.min(points - 1, Math.floor(points * normalCumulative(standing)));
}

function countSuccesses(random: RandomStream, share: number, answers: number): number {
  return createBetaBinomial(answers, share, 0)(random);
}

/** Mean shares of the conditions, and how the shares of one question are drawn. */
interface World {
  readonly means: readonly number[];
  readonly drawQuestion: (random: RandomStream) => readonly number[];
}

function worldOf(cell: ComparisonCell | KindsCell): World {
  if ('kinds' in cell) {
    const { kinds } = cell;
    const conditions = kinds[0]!.shares.length;
    return {
      means: Array.from({ length: conditions }, (_, condition) =>
        kinds.reduce((sum, { part, shares }) => sum + part * shares[condition]!, 0),
      ),
      drawQuestion: (random) => {
        let left = random.uniform();
        return (kinds.find(({ part }) => (left -= part) < 0) ?? kinds.at(-1)!).shares;
      },
    };
  }
  const tables = cell.rates.map((rate) => sharesOf(rate, cell.correlation));
  return {
    means: tables.map(mean),
    drawQuestion: (random) => {
      const standing = random.normal();
      return tables.map((table) => table[drawPoint(random, standing, cell.likeness)]!);
    },
  };
}

/**
 * Draws answers of all conditions `repeats` times, and counts how often the interval of `estimate` holds the `combine`d mean shares. One
 * cell and seed give the same answers, whatever is estimated.
 */
export function simulateComparison(
  cell: ComparisonCell | KindsCell,
  repeats: number,
  seed: number,
  combine: (rates: readonly number[]) => number,
  estimate: (conditions: readonly (readonly ClusterCounts[])[]) => {
    readonly interval: readonly [number, number] | null;
    readonly pValue: number | null;
  },
): Compared {
  const random = createRandomStream(seed, 'comparison', JSON.stringify(cell));
  const { means, drawQuestion } = worldOf(cell);
  const truth = combine(means);
  const tally = { held: 0, above: 0, width: 0, rejected: 0 };
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const questions = Array.from({ length: cell.questions }, () => drawQuestion(random));
    const conditions = means.map((_, condition) =>
      questions.map((shares, question) => ({
        name: String(question),
        successes: countSuccesses(random, shares[condition]!, cell.answers),
        trials: cell.answers,
      })),
    );
    const { interval, pValue } = estimate(conditions);
    if (pValue !== null && pValue <= 0.05) tally.rejected += 1;
    if (interval === null) continue;
    if (interval[0] <= truth && truth <= interval[1]) tally.held += 1;
    if (interval[0] > truth) tally.above += 1;
    tally.width += interval[1] - interval[0];
  }
  return {
    truth,
    covered: tally.held / repeats,
    above: tally.above / repeats,
    width: tally.width / repeats,
    rejected: tally.rejected / repeats,
  };
}

/** How an interval of a comparison did. */
export interface Compared extends Held {
  readonly truth: number;
  /** Share of repeats whose interval lies above the truth as a whole. */
  readonly above: number;
  /** Share of repeats with a p-value of at most 0.05. */
  readonly rejected: number;
}

/** What an interval over fine-tunes may be about. */
export type FineTuneTarget = 'other seeds' | 'other seeds and questions';

export interface FineTuneMethod {
  readonly name: string;
  readonly target: FineTuneTarget;
  readonly interval: (models: readonly ModelCounts[], repeat: number) => readonly [number, number] | null;
}

/**
 * Draws fine-tunes `repeats` times: each has a mean share of its own, from a beta distribution around the rate, and its questions have
 * shares from one around that mean. A question that stands out in one fine-tune does so in all.
 */
export function simulateFineTunes(
  cell: FineTuneCell,
  methods: readonly FineTuneMethod[],
  repeats: number,
  seed: number,
): readonly (Held & { readonly name: string })[] {
  const random = createRandomStream(seed, 'fine-tunes', JSON.stringify(cell));
  const ofModel = sharesOf(cell.rate, cell.seedCorrelation);
  const ofQuestions = Array.from(ofModel, (share) => sharesOf(share, cell.correlation));
  const overall = mean(ofQuestions.map(mean));
  /** Of the question at each point, over all models. */
  const ofPoint = Array.from({ length: points }, (_, point) => mean(ofQuestions.map((table) => table[point]!)));
  const tallies = methods.map(() => ({ held: 0, width: 0 }));
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const standings = Array.from({ length: cell.questions }, () => random.integer(points));
    const models = Array.from({ length: cell.models }, (_, model) => {
      const table = ofQuestions[random.integer(points)]!;
      const questions = standings.map((point, question) => ({
        name: String(question),
        successes: countSuccesses(random, table[point]!, cell.answers),
        trials: cell.answers,
      }));
      return { name: String(model), questions };
    });
    const ofThese = mean(standings.map((point) => ofPoint[point]!));
    for (const [index, method] of methods.entries()) {
      const interval = method.interval(models, repeat);
      if (interval === null) continue;
      const truth = method.target === 'other seeds' ? ofThese : overall;
      const tally = tallies[index]!;
      if (interval[0] <= truth && truth <= interval[1]) tally.held += 1;
      tally.width += interval[1] - interval[0];
    }
  }
  return methods.map(({ name }, index) => {
    const { held, width } = tallies[index]!;
    return { name, covered: held / repeats, width: width / repeats };
  });
}
