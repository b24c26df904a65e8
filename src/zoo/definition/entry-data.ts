import { organismRows } from '../../organism/organism-recipe.js';
import { organismPrefix } from '../../organism/organism.js';
import type { Kind } from './kinds.js';
import type { ZooDefinition } from './zoo-definition.js';
import type { EntryRecipe } from './zoo-names.js';

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
