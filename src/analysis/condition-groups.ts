import type { OutlinedCell } from '../runs/run-outline.js';
import { groupByCondition } from './count-run.js';

/** Named groups of a plan's conditions, by their names. */
export type ConditionGroups = Readonly<Record<string, readonly string[]>>;

/** What a number is about: a condition of a base, or a group of its conditions. */
export interface PooledCells {
  readonly base: string;
  /** The name of the condition, or of the group. */
  readonly condition: string;
  /** Null for a single condition. */
  readonly members: readonly string[] | null;
  readonly cells: readonly OutlinedCell[];
}

/** The groups of each base, in the order of the plan; a group of which a base has no condition is left out. */
export function listGroups(cells: readonly OutlinedCell[], groups: ConditionGroups): PooledCells[] {
  const conditions = groupByCondition(cells);
  return [...new Set(conditions.map(({ base }) => base))].flatMap((base) =>
    Object.entries(groups).flatMap(([name, wanted]) => {
      const members = conditions.filter((one) => one.base === base && wanted.includes(one.condition));
      return members.length === 0
        ? []
        : [
            {
              ...{ base, condition: name, members: members.map(({ condition }) => condition) },
              cells: members.flatMap((one) => one.cells),
            },
          ];
    }),
  );
}
