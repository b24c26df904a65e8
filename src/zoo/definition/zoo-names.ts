import { z } from 'zod';

/** A name that can stand in ids of entries, in file names and in CSV: ids divide by dots, conditions of plans by low lines. */
export const zooName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'a name has small letters, digits and hyphens, as it becomes a part of ids');

/** What tells an entry from all others: its id is these, with dots between. */
export interface EntryRecipe {
  readonly organism: string;
  readonly kind: string;
  readonly dose: string;
  readonly recipe: string;
  readonly seed: number;
}

/** The id of an entry: `1.insecure.1x.default.0`. */
export function formatEntryId({ organism, kind, dose, recipe, seed }: EntryRecipe): string {
  return [organism, kind, dose, recipe, String(seed)].join('.');
}

/** The recipe of an entry by its id; null if it is none. */
export function parseEntryId(id: string): EntryRecipe | null {
  const [organism, kind, dose, recipe, seed, ...more] = id.split('.');
  if (organism === undefined || kind === undefined || dose === undefined || recipe === undefined) return null;
  if (seed === undefined || more.length > 0 || !/^\d+$/.test(seed)) return null;
  return { organism, kind, dose, recipe, seed: Number(seed) };
}

/** What tables call an organism that nothing was done to. */
export function nameBase(organism: string): string {
  return `${organism}.base`;
}

/** The condition that an entry has in the plan of its organism. Names have no low lines, so that each condition has one reading. */
export function formatCondition({ kind, dose, recipe }: Pick<EntryRecipe, 'kind' | 'dose' | 'recipe'>): string {
  return [kind, dose, recipe].join('_');
}

/** The reverse; null for a condition that is none of the zoo's. */
export function parseCondition(condition: string): Pick<EntryRecipe, 'kind' | 'dose' | 'recipe'> | null {
  const [kind, dose, recipe, ...more] = condition.split('_');
  if (kind === undefined || dose === undefined || recipe === undefined || more.length > 0) return null;
  return { kind, dose, recipe };
}

/** An entry's model of a step, as scores name it: `ID@STEP`. */
export function formatCheckpointId(id: string, step: number): string {
  return `${id}@${String(step)}`;
}
