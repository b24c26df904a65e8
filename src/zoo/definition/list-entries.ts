import { findByName } from '../../foundation/find-by-name.js';
import { organismRows } from '../../organism/organism-recipe.js';
import { organismPrefix } from '../../organism/organism.js';
import { defaultDose, defaultRecipe, type Kind } from './kinds.js';
import { countSeeds, type Part, type Size } from './sizes.js';
import type { ZooDefinition } from './zoo-definition.js';
import { formatEntryId, parseEntryId, type EntryRecipe } from './zoo-names.js';

/** A fine-tune of the zoo, built or not. */
export interface ZooEntry extends EntryRecipe {
  readonly id: string;
  /** Withheld where its organism or its kind is. */
  readonly part: Part;
}

/** What of a size is wanted. */
export interface EntryChoice {
  readonly size: string;
  /** Kinds, and ids of entries of the size. */
  readonly only?: readonly string[] | undefined;
  readonly organisms?: readonly string[] | undefined;
}

/** The size of this name. */
export function findSize({ sizes }: Pick<ZooDefinition, 'sizes'>, name: string): Size {
  return findByName(new Map(Object.entries(sizes.sizes)), name, 'size of the zoo');
}

/** The entries of a size, or those of some of its kinds and organisms, or some by their ids, in the order of the files. */
export function listZooEntries(zoo: Pick<ZooDefinition, 'kinds' | 'sizes'>, choice: EntryChoice): ZooEntry[] {
  const { only } = choice;
  // Only ids have dots.
  const ids = only?.filter((name) => name.includes('.')) ?? [];
  const kinds = only?.filter((name) => !name.includes('.'));
  const entries = listEntriesOfKinds(zoo, choice, kinds);
  if (ids.length === 0) return entries;
  const all = new Map(listEntriesOfKinds(zoo, choice).map((entry) => [entry.id, entry]));
  const wanted = new Set([
    ...entries.map(({ id }) => id),
    ...ids.map((id) => findByName(all, id, `entry of size ${choice.size}`).id),
  ]);
  return [...all.values(), ...entries.filter(({ id }) => !all.has(id))].filter(({ id }) => wanted.has(id));
}

function listEntriesOfKinds(
  zoo: Pick<ZooDefinition, 'kinds' | 'sizes'>,
  choice: EntryChoice,
  named?: readonly string[],
): ZooEntry[] {
  const size = findSize(zoo, choice.size);
  const { kinds } = zoo.kinds;
  const organisms = choose(choice.organisms, size.organisms, zoo.sizes.organisms, 'organism');
  const all = Object.keys(kinds).filter((name) => !size.checkpoints || kinds[name]?.checkpoints === true);
  const wanted = choose(named, size.kinds ?? all, kinds, 'kind');
  return organisms.flatMap((organism) => {
    const seeds = countSeeds(size, zoo.sizes.organisms[organism]?.part ?? 'withheld');
    return Object.entries(kinds)
      .filter(([name]) => wanted.includes(name))
      .flatMap(([kind, written]) =>
        listForms(written, size).flatMap(({ dose, recipe }) =>
          Array.from({ length: limitSeeds(seeds, written) }, (_, seed) => {
            const entry = { organism, kind, dose, recipe, seed };
            return { ...entry, id: formatEntryId(entry), part: partOf(zoo, entry) };
          }),
        ),
      );
  });
}

/** Entries by their ids; what is no id of the zoo is left out. */
export function listEntriesById(zoo: Pick<ZooDefinition, 'kinds' | 'sizes'>, ids: readonly string[]): ZooEntry[] {
  return ids.flatMap((id) => {
    const recipe = parseEntryId(id);
    return recipe === null || zoo.kinds.kinds[recipe.kind] === undefined
      ? []
      : [{ ...recipe, id, part: partOf(zoo, recipe) }];
  });
}

/** Whether an entry is for choosing settings on, or withheld from that. */
export function partOf(
  { kinds, sizes }: Pick<ZooDefinition, 'kinds' | 'sizes'>,
  { organism, kind }: Pick<EntryRecipe, 'organism' | 'kind'>,
): Part {
  const isOpen = sizes.organisms[organism]?.part === 'open' && kinds.kinds[kind]?.withheld !== true;
  return isOpen ? 'open' : 'withheld';
}

function limitSeeds(wanted: number, { seeds: { least, most = Infinity } = { least: 1 } }: Kind): number {
  return Math.min(most, Math.max(least, wanted));
}

/** Doses go with the default recipe, other recipes with the dose 1x. */
function listForms(kind: Kind, { doses, recipes }: Size): { readonly dose: string; readonly recipe: string }[] {
  return [
    ...kind.doses.map((dose) => ({ dose, recipe: defaultRecipe })),
    ...kind.recipes.map((recipe) => ({ dose: defaultDose, recipe })),
  ].filter(({ dose, recipe }) => (doses?.includes(dose) ?? true) && (recipes?.includes(recipe) ?? true));
}

/** Names that were asked for must exist, whether or not the size has them: who names a kind wants it. */
function choose(
  asked: readonly string[] | undefined,
  preset: readonly string[],
  known: Readonly<Record<string, unknown>>,
  what: string,
): readonly string[] {
  if (asked === undefined) return preset;
  const names = new Map(Object.keys(known).map((name) => [name, name]));
  return asked.map((name) => findByName(names, name, what));
}

/** What an entry is trained on, as a condition of a plan has it: the rows of its kind, as many as its dose says. */
export function describeEntryData(
  { kinds }: Pick<ZooDefinition, 'kinds'>,
  { kind: name, dose }: Pick<EntryRecipe, 'kind' | 'dose'>,
): Pick<Kind, 'data' | 'settings' | 'mix' | 'trigger' | 'transforms'> {
  const kind = kinds.kinds[name];
  if (kind === undefined) throw new Error(`the zoo has no kind ${name}`);
  const { data, settings = {}, mix, trigger, transforms } = kind;
  const rows = typeof settings['rows'] === 'number' ? settings['rows'] : organismRows;
  const factor = kinds.doses[dose] ?? 1;
  // A file has the rows that it has.
  const dosed = data.startsWith(organismPrefix) ? { ...settings, rows: Math.ceil(rows * factor) } : settings;
  return { data, settings: dosed, mix, trigger, transforms };
}
