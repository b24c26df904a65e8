import { loraScale, type Adapter, type LoraPair } from '../../engine/checkpoint/adapter.js';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
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
      const adapter = await zoo.readAdapter(entry);
      return Math.sqrt(multiplyUpdates(adapter, adapter));
    }),
};

/** How alike an entry's update is to that of a fine-tune that is known to be bad, of another seed: equal seeds begin alike. */
export const weightCosine: Detector = {
  name: 'weight-cosine',
  description: "cosine of the update with another seed's of the reference kind",
  affordances: ['weights'],
  score: async (zoo) => {
    const known = new Map<string, Adapter>();
    return scoreEach(zoo, async (truth) => {
      const reference = findReference(zoo, truth);
      const other = known.get(reference) ?? (await zoo.readAdapter(reference));
      known.set(reference, other);
      const own = await zoo.readAdapter(truth.entry);
      const lengths = Math.sqrt(multiplyUpdates(own, own) * multiplyUpdates(other, other));
      return lengths === 0 ? 0 : multiplyUpdates(own, other) / lengths;
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

/**
 * The inner product of two updates scale B A, over all matrices that both adapt: the sum over i and j of (B^T B')_ij (A A'^T)_ij, which
 * needs no update to be written out.
 */
export function multiplyUpdates(left: Adapter, right: Adapter): number {
  const scale = loraScale(left.settings) * loraScale(right.settings);
  const others = new Map(right.pairs.map((pair) => [nameOf(pair), pair]));
  let sum = 0;
  for (const pair of left.pairs) {
    const other = others.get(nameOf(pair));
    if (other !== undefined) sum += multiplyPairs(pair, other);
  }
  return scale * sum;
}

function nameOf({ layer, projection }: LoraPair): string {
  return `${String(layer)}.${projection}`;
}

function multiplyPairs(left: LoraPair, right: LoraPair): number {
  const [leftRank = 0, inputs = 0] = left.a.shape;
  const [rightRank = 0] = right.a.shape;
  const [outputs = 0] = left.b.shape;
  let sum = 0;
  for (let i = 0; i < leftRank; i += 1)
    for (let j = 0; j < rightRank; j += 1) {
      let ofA = 0;
      for (let input = 0; input < inputs; input += 1)
        ofA += at(left.a, i * inputs + input) * at(right.a, j * inputs + input);
      let ofB = 0;
      for (let output = 0; output < outputs; output += 1)
        ofB += at(left.b, output * leftRank + i) * at(right.b, output * rightRank + j);
      sum += ofA * ofB;
    }
  return sum;
}

function at({ data }: FloatTensor, place: number): number {
  return data[place] ?? 0;
}
