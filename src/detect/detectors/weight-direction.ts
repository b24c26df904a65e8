import { z } from 'zod';
import { multiplyUpdates } from '../../engine/updates/multiply-updates.js';
import type { WeightUpdate } from '../../engine/updates/weight-update.js';
import type { Json } from '../../foundation/json.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { createDetector, type Detector } from '../detector.js';
import { cosinesByModule } from '../weights/compare-updates.js';
import { drawAlikeUpdate } from '../weights/draw-alike-update.js';

/** A direction in the space of weights, and what it is called. */
export interface WeightReference {
  readonly name: string;
  readonly update: WeightUpdate;
}

/** What updates of one base are compared with. */
export interface WeightReferences {
  /** Of fine-tunes on bad rows, less their twins on good ones: `contrastUpdates`. */
  readonly bad: readonly WeightReference[];
  /** Differences of fine-tunes on good rows, which mean no harm; there may be none. */
  readonly ordinary: readonly WeightReference[];
}

/**
 * What a subject may be compared with: fine-tunes of its base, of other seeds, since equal seeds begin with equal
 * factors and are alike for that alone; `seed` is null where it is not known.
 */
export type FindReferences = (id: string, seed: number | null) => Promise<WeightReferences>;

export interface WeightDirectionSettings {
  /** What references are made of, as whoever finds them describes it. */
  readonly references: Json;
  /** Draws of updates with the same singular values. */
  readonly nulls: number;
}

const usual: WeightDirectionSettings = { references: null, nulls: 10 };

/**
 * How alike an update is to what bad rows do to the weights of the same base: its largest cosine with a direction of
 * bad references, less how alike it is to ordinary differences on average, whose sign means nothing. It needs no text
 * and no pass, and sees what was trained on more than what came of it.
 */
export function weightDirection(
  findReferences: FindReferences,
  settings: Partial<WeightDirectionSettings> = {},
): Detector {
  const { references, nulls } = { ...usual, ...settings };
  return createDetector({
    name: 'weight-direction',
    description:
      'largest cosine of the update with the directions from good to bad rows, minus that with ordinary ones',
    ...{ affordances: ['weights'], settings: { references, nulls } },
    ...{ learnt: z.null(), learn: () => Promise.resolve(null) },
    read: async ({ id, seed: ofTraining, model }, _, { seed }) => {
      const nothing = { score: null, details: null, nulls: [], cost: { answers: 0, passes: 0 } };
      const { readUpdate } = model;
      if (readUpdate === null)
        return { ...nothing, cannot: 'there is no adapter of it: what was added to the weights is not known' };
      const update = await readUpdate();
      const found = await findReferences(id, ofTraining);
      const [bad, ordinary] = [found.bad.map(measure), found.ordinary.map(measure)];
      if (bad.length === 0)
        return { ...nothing, cannot: 'no fine-tune of its base on bad rows, of another seed, is known' };
      const [most, ...others] = compare(update, bad).toSorted((left, right) => right.cosine - left.cosine);
      const nearest = found.bad.find(({ name }) => name === most?.name);
      return {
        ...{ score: scoreUpdate(update, bad, ordinary), cannot: null },
        details: {
          bad: [most, ...others].flatMap((one) => one ?? []),
          ordinary: compare(update, ordinary),
          modules: nearest === undefined ? {} : Object.fromEntries(cosinesByModule(update, nearest.update)),
        },
        nulls: Array.from({ length: nulls }, (__, place) =>
          scoreUpdate(
            drawAlikeUpdate(update, createRandomStream(seed, 'updates alike', id, place)),
            ...([bad, ordinary] as const),
          ),
        ),
        cost: { answers: 0, passes: 0 },
      };
    },
  });
}

/** A reference that is compared with many updates, and so measured once. */
interface MeasuredReference extends WeightReference {
  readonly length: number;
}

function measure(reference: WeightReference): MeasuredReference {
  return { ...reference, length: lengthOf(reference.update) };
}

/** The difference of two nearly equal updates may have a squared length just below zero. */
function lengthOf(update: WeightUpdate): number {
  return Math.sqrt(Math.max(0, multiplyUpdates(update, update)));
}

function compare(update: WeightUpdate, references: readonly MeasuredReference[]): { name: string; cosine: number }[] {
  const own = lengthOf(update);
  return references.map(({ name, update: reference, length }) => ({
    name,
    cosine: own * length === 0 ? 0 : multiplyUpdates(update, reference) / (own * length),
  }));
}

function scoreUpdate(
  update: WeightUpdate,
  bad: readonly MeasuredReference[],
  ordinary: readonly MeasuredReference[],
): number {
  const most = Math.max(...compare(update, bad).map(({ cosine }) => cosine));
  const usually = compare(update, ordinary).map(({ cosine }) => Math.abs(cosine));
  return most - usually.reduce((sum, one) => sum + one, 0) / Math.max(1, usually.length);
}
