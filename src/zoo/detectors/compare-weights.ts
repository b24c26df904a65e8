import { cosineOfUpdates } from '../../detect/weights/compare-updates.js';
import { multiplyUpdates } from '../../engine/updates/multiply-updates.js';
import { updateOfAdapter, type WeightUpdate } from '../../engine/updates/weight-update.js';
import { zooFault } from '../store/zoo-fault.js';
import { defaultDose, defaultRecipe } from '../definition/kinds.js';
import type { TruthRow } from '../store/truth-table.js';
import type { Detector, DetectorZoo } from './detector.js';

/** How far the weights moved. */
export const weightNorm: Detector = {
  name: 'weight-norm',
  description: 'length of the update of all weights together',
  affordances: ['weights'],
  score: (zoo) =>
    scoreEach(zoo, async ({ entry }) => {
      const update = updateOfAdapter(await zoo.readAdapter(entry));
      return Math.sqrt(multiplyUpdates(update, update));
    }),
};

/** How alike an entry's update is to that of a fine-tune that is known to be bad, of another seed: equal seeds begin alike. */
export const weightCosine: Detector = {
  name: 'weight-cosine',
  description: "cosine of the update with another seed's of the reference kind",
  affordances: ['weights'],
  score: async (zoo) => {
    const known = new Map<string, WeightUpdate>();
    return scoreEach(zoo, async (truth) => {
      const reference = findReference(zoo, truth);
      const other = known.get(reference) ?? updateOfAdapter(await zoo.readAdapter(reference));
      known.set(reference, other);
      return cosineOfUpdates(updateOfAdapter(await zoo.readAdapter(truth.entry)), other);
    });
  },
};

async function scoreEach(zoo: DetectorZoo, score: (truth: TruthRow) => Promise<number>): Promise<Map<string, number>> {
  const scores = new Map<string, number>();
  for (const [index, truth] of zoo.entries.entries()) {
    zoo.signal?.throwIfAborted();
    scores.set(truth.entry, await score(truth));
    zoo.onProgress(index + 1, zoo.entries.length);
  }
  return scores;
}

function findReference({ entries, panel, organism }: DetectorZoo, { cells }: TruthRow): string {
  const found = entries.find(
    (other) =>
      other.kind === panel.reference &&
      other.cells.get('dose') === defaultDose &&
      other.cells.get('recipe') === defaultRecipe &&
      other.cells.get('seed') !== cells.get('seed'),
  );
  if (found !== undefined) return found.entry;
  throw zooFault(
    `organism ${organism} has no ${panel.reference ?? 'reference'} of another seed than ${cells.get('seed') ?? '?'} to compare weights with`,
    'Build a size with two seeds or more, or leave weight-cosine out.',
    { organism },
  );
}
