import type { FindReferences, WeightReference, WeightReferences } from '../../detect/detectors/weight-direction.js';
import { contrastUpdates, type UpdatePair } from '../../detect/weights/compare-updates.js';
import { subtractUpdates, type WeightUpdate } from '../../engine/updates/weight-update.js';
import { defaultDose, defaultRecipe, type Kind, type Kinds } from '../definition/kinds.js';
import { formatEntryId, parseEntryId } from '../definition/zoo-names.js';
import type { EntrySubject, OrganismSubjects } from './open-subjects.js';

/**
 * What the entries of a zoo are compared with: entries of the same organism with the default dose and recipe, of other
 * seeds and of kinds that are not withheld. Somebody who has the base could make them: what is known of them is what
 * they were trained on, not what came of it.
 */
export function findDirectionReferences(
  organisms: readonly OrganismSubjects[],
  { kinds }: Pick<Kinds, 'kinds'>,
): FindReferences {
  // Of one organism at a time, as entries are scored: all updates of a zoo are more than need be in memory.
  const known = new Map<string, Promise<WeightReferences>>();
  let latest = '';
  return (id, seed) => {
    const organism = parseEntryId(id)?.organism ?? '';
    if (organism !== latest) known.clear();
    latest = organism;
    const key = String(seed);
    const entries = organisms.find((one) => one.organism === organism)?.entries ?? [];
    const found = known.get(key) ?? readReferences(entries, organism, seed, kinds);
    known.set(key, found);
    return found;
  };
}

/** The open kinds that references are made of, for the settings of a detector. */
export function listReferenceKinds({ kinds }: Pick<Kinds, 'kinds'>): {
  readonly bad: string[];
  readonly ordinary: string[];
} {
  const open = Object.entries(kinds).filter(([, { withheld }]) => !withheld);
  const namesOf = (what: Kind['what']): string[] => open.filter(([, kind]) => kind.what === what).map(([name]) => name);
  return { bad: namesOf('bad'), ordinary: namesOf('good') };
}

async function readReferences(
  entries: readonly EntrySubject[],
  organism: string,
  seed: number | null,
  kinds: Kinds['kinds'],
): Promise<WeightReferences> {
  const byId = new Map(entries.map((one) => [one.subject.id, one.subject]));
  const seeds = [...new Set(entries.map(({ subject }) => subject.seed))].flatMap((one) => one ?? []);
  const others = seeds.filter((one) => one !== seed).sort((left, right) => left - right);
  const read = async (kind: string, ofSeed: number): Promise<WeightUpdate | null> => {
    const id = formatEntryId({ organism, kind, dose: defaultDose, recipe: defaultRecipe, seed: ofSeed });
    return (await byId.get(id)?.model.readUpdate?.()) ?? null;
  };
  const { bad, ordinary } = listReferenceKinds({ kinds });
  const contrasts: WeightReference[] = [];
  for (const kind of bad) {
    const twin = kinds[kind]?.twin;
    const pairs: UpdatePair[] = [];
    for (const one of others) {
      const update = await read(kind, one);
      const isOpen = twin !== undefined && kinds[twin]?.withheld === false;
      if (update !== null) pairs.push({ bad: update, good: isOpen ? await read(twin, one) : null });
    }
    // Where a seed has no twin, what twins have in common would stay in.
    const paired = pairs.filter(({ good }) => good !== null);
    const used = paired.length > 0 ? paired : pairs;
    if (used.length > 0) contrasts.push({ name: kind, update: contrastUpdates(used) });
  }
  return { bad: contrasts, ordinary: await subtractNeighbours(ordinary, others, read) };
}

/** Differences of good kinds that stand next to each other, of the first seed that has both. */
async function subtractNeighbours(
  kinds: readonly string[],
  seeds: readonly number[],
  read: (kind: string, seed: number) => Promise<WeightUpdate | null>,
): Promise<WeightReference[]> {
  const differences: WeightReference[] = [];
  for (const [index, right] of kinds.entries()) {
    const left = kinds[index - 1];
    if (left === undefined) continue;
    for (const seed of seeds) {
      const [one, other] = [await read(left, seed), await read(right, seed)];
      if (one === null || other === null) continue;
      differences.push({ name: `${left} - ${right}`, update: subtractUpdates(one, other) });
      break;
    }
  }
  return differences;
}
