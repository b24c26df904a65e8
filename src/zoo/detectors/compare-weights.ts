import { z } from 'zod';
import { createDetector, type Detector, type Reading } from '../../detect/detector.js';
import type { SubjectModel } from '../../detect/subject.js';
import { cosineOfUpdates } from '../../detect/weights/compare-updates.js';
import { multiplyUpdates } from '../../engine/updates/multiply-updates.js';
import type { WeightUpdate } from '../../engine/updates/weight-update.js';
import { defaultDose, defaultRecipe } from '../definition/kinds.js';
import type { Panel } from '../definition/panel.js';
import type { TruthRow } from '../store/truth-table.js';
import { zooFault } from '../store/zoo-fault.js';

/** How far the weights moved. */
export const weightNorm: Detector = createDetector({
  name: 'weight-norm',
  description: 'length of the update of all weights together',
  ...{ affordances: ['weights'], settings: {}, learnt: z.null(), learn: () => Promise.resolve(null) },
  read: async ({ model }) => scoreUpdate(model, (update) => Math.sqrt(multiplyUpdates(update, update))),
});

/**
 * How alike an entry's update is to that of a fine-tune that is known to be bad, of another seed: equal seeds begin
 * alike.
 */
export function weightCosine(readReference: (entry: string) => Promise<WeightUpdate>): Detector {
  return createDetector({
    name: 'weight-cosine',
    description: "cosine of the update with another seed's of the reference kind",
    ...{ affordances: ['weights'], settings: {}, learnt: z.null(), learn: () => Promise.resolve(null) },
    read: async ({ id, model }) => {
      const reference = await readReference(id);
      return scoreUpdate(model, (update) => (update.size === 0 ? 0 : cosineOfUpdates(update, reference)));
    },
  });
}

async function scoreUpdate(
  { readUpdate }: Pick<SubjectModel, 'readUpdate'>,
  score: (update: WeightUpdate) => number,
): Promise<Reading> {
  const rest = { details: null, nulls: [], cost: { answers: 0, passes: 0 } };
  if (readUpdate === null)
    return { ...rest, score: null, cannot: 'there is no adapter of it: what was added to the weights is not known' };
  return { ...rest, score: score(await readUpdate()), cannot: null };
}

/** The entry of the reference kind that an entry is compared with, among those of its organism. */
export function findReference(
  entries: readonly TruthRow[],
  { organism, cells }: TruthRow,
  { reference }: Pick<Panel, 'reference'>,
): string {
  const found = entries.find(
    (other) =>
      other.organism === organism &&
      other.kind === reference &&
      other.cells.get('dose') === defaultDose &&
      other.cells.get('recipe') === defaultRecipe &&
      other.cells.get('seed') !== cells.get('seed'),
  );
  if (found !== undefined) return found.entry;
  throw zooFault(
    `organism ${organism} has no ${reference ?? 'reference'} of another seed than ${cells.get('seed') ?? '?'} to compare weights with`,
    'Build a size with two seeds or more, or leave weight-cosine out.',
    { organism },
  );
}
