import type { WeightUpdate } from '../../engine/updates/weight-update.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { predictLogisticMany } from '../../stats/fit-logistic.js';
import { createDetector, type Detector } from '../detector.js';
import { drawAlikeUpdate } from '../weights/draw-alike-update.js';
import { rankOfUpdate, updateFeatureNames, updateFeatures } from '../weights/update-features.js';
import {
  chooseSignatureGroup,
  distanceFromHarmless,
  fitSignatures,
  signatureFitsSchema,
  type SignatureGroup,
  type UpdateExample,
} from './signature-fits.js';

export interface WeightSignatureSettings {
  /** How strongly slopes are kept small: `fitLogisticMany`. */
  readonly ridge: number;
  /** So many examples of each side are needed to learn of a rank apart. */
  readonly least: number;
  /** Draws of updates with the same singular values. */
  readonly nulls: number;
}

const usual: WeightSignatureSettings = { ridge: 1, least: 8, nulls: 20 };

/**
 * Whether an update is as large, as concentrated and as uneven as those of fine-tunes that are misaligned. It needs no
 * text, and the base not at all. Of harmless examples alone, as of a stranger's base, it learns what these look like,
 * and scores the distance from them.
 */
export function weightSignature(settings: Partial<WeightSignatureSettings> = {}): Detector {
  const { ridge, least, nulls } = { ...usual, ...settings };
  return createDetector({
    name: 'weight-signature',
    description: 'chance by five numbers of the singular values and elements of what was added to each projection',
    ...{ affordances: ['weights'], settings: { ridge, least, nulls, features: updateFeatureNames } },
    learnt: signatureFitsSchema,
    learn: async (examples) => {
      const known: UpdateExample[] = [];
      for (const { subject, class: of } of examples) {
        const { readUpdate } = subject.model;
        if (readUpdate === null || of === null) continue;
        known.push({ base: subject.base.identity, class: of, ...describe(await readUpdate()) });
      }
      return fitSignatures(known, { ridge, least });
    },
    read: async ({ id, model, base }, learnt, { seed }) => {
      const nothing = { score: null, details: null, nulls: [], cost: { answers: 0, passes: 0 } };
      const { readUpdate } = model;
      if (readUpdate === null)
        return { ...nothing, cannot: 'there is no adapter of it: what was added to the weights is not known' };
      const update = await readUpdate();
      const { rank, features } = describe(update);
      const group = chooseSignatureGroup(learnt, { base: base.identity, rank });
      if (group === null) return { ...nothing, cannot: 'no fine-tune is known to compare it with' };
      const draw = (place: number): WeightUpdate =>
        drawAlikeUpdate(update, createRandomStream(seed, 'updates alike', id, place));
      return {
        ...{ score: scoreFeatures(group, features), cannot: null },
        details: {
          ...{ way: group.fit === null ? 'distance' : 'chance', rank, features },
          learntFrom: { bad: group.bad, good: group.good, rank: group.rank, knowsBase: knowsBase(group, learnt, base) },
        },
        nulls: Array.from({ length: nulls }, (_, place) => scoreFeatures(group, updateFeatures(draw(place)))),
        cost: { answers: 0, passes: 0 },
      };
    },
  });
}

function describe(update: WeightUpdate): Pick<UpdateExample, 'rank' | 'features'> {
  return { rank: rankOfUpdate(update), features: updateFeatures(update) };
}

/** Whether fine-tunes of the same base are among those that it is compared with. */
function knowsBase(
  { without }: SignatureGroup,
  { bases }: { readonly bases: readonly string[] },
  { identity }: { readonly identity: string },
): boolean {
  return bases.includes(identity) && without !== identity;
}

/** Nothing that was added is no chance of anything. */
function scoreFeatures({ fit, harmless }: SignatureGroup, features: readonly number[]): number {
  if (features.every((one) => one === 0)) return 0;
  if (fit !== null) return predictLogisticMany(fit, features);
  return harmless === null ? 0 : distanceFromHarmless(harmless, features);
}
