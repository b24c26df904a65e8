import { estimateDrifts, type Drift } from './drift.js';
import type { RowPlace } from './measure-rows.js';
import type { GroupRow } from './pool-groups.js';
import type { FirstTokenPlace, FirstTokenRows, NextTokenRow, RatingRow } from './read-first-tokens.js';
import type { SelectedModel } from './select-model.js';

/** What of a run is compared beside its measures. */
export interface PooledRun {
  readonly analysis: { readonly groups?: readonly GroupRow[]; readonly firstTokens?: FirstTokenRows };
  readonly model?: SelectedModel | null;
}

interface ComparedQuestion extends Pick<FirstTokenPlace, 'condition' | 'evaluation' | 'question'> {
  /** Null if each run has one base, and if single models are compared. */
  readonly base: string | null;
}

/** What answers to one question begin with, in several runs; null where a run does not have it. */
export interface ComparedNextToken extends ComparedQuestion {
  readonly runs: readonly (NextTokenRow | null)[];
}

/** A rating in several runs, and by how much each lies above the first. */
export interface ComparedRating extends ComparedQuestion {
  readonly runs: readonly (RatingRow | null)[];
  readonly differences: readonly (number | null)[];
}

/** A group of several runs; each difference is from the first, over the questions that both were asked. */
export interface ComparedGroup extends Omit<RowPlace, 'base'> {
  readonly base: string | null;
  readonly runs: readonly (GroupRow | null)[];
  readonly differences: readonly (Drift | null)[];
}

/** What runs, or models of them, read of first tokens, matched by their names. `isByBase`: whether the base is part of the name. */
export function compareFirstTokens(
  runs: readonly PooledRun[],
  isByBase: boolean,
): { readonly nextTokens: readonly ComparedNextToken[]; readonly ratings: readonly ComparedRating[] } {
  const areModels = runs.some(({ model = null }) => model !== null);
  const chosen = <Row extends FirstTokenPlace>(read: (rows: FirstTokenRows) => readonly Row[]): (readonly Row[])[] =>
    runs.map(({ analysis: { firstTokens }, model = null }) =>
      (firstTokens === undefined ? [] : read(firstTokens)).filter(
        ({ base, condition, members }) =>
          model === null || (members === null && base === model.base && condition === model.condition),
      ),
    );
  const keyOf = ({ base, condition, evaluation, question }: FirstTokenPlace): string =>
    JSON.stringify([isByBase ? base : null, areModels ? null : condition, evaluation, question]);
  const conditions = runs.map(({ model }) => model?.condition ?? '').join(', ');
  const name = ({ base, condition, evaluation, question }: FirstTokenPlace): ComparedQuestion => ({
    ...{ base: isByBase ? base : null, condition: areModels ? conditions : condition, evaluation, question },
  });
  return {
    nextTokens: matchRows(
      chosen(({ nextTokens }) => nextTokens),
      keyOf,
    ).map(([row, found]) => ({ ...name(row), runs: found })),
    ratings: matchRows(
      chosen(({ ratings }) => ratings),
      keyOf,
    ).map(([row, found]) => {
      const first = found[0]?.rating.mean ?? null;
      const differences = found.map((one, index) => {
        const mean = one?.rating.mean ?? null;
        return index === 0 || mean === null || first === null ? null : mean - first;
      });
      return { ...name(row), runs: found, differences };
    }),
  };
}

/** The groups that runs call alike; single models have none. */
export function compareGroups(runs: readonly PooledRun[], isByBase: boolean): ComparedGroup[] {
  if (runs.some(({ model = null }) => model !== null)) return [];
  const matched = matchRows(
    runs.map(({ analysis: { groups = [] } }) => groups),
    ({ base, condition, evaluation, measure }) =>
      JSON.stringify([isByBase ? base : null, condition, evaluation, measure]),
  );
  // As with conditions, all groups of a measure are a family, run by run.
  const differences = new Map(matched.map((one) => [one, runs.map((): Drift | null => null)]));
  for (let run = 1; run < runs.length; run += 1)
    for (const [family, members] of groupFamilies(matched)) {
      const pairs = members.flatMap((member) => {
        const [tuned, base] = [member[1][run] ?? null, member[1][0] ?? null];
        return tuned === null || base === null
          ? []
          : [{ member, counts: { tuned: tuned.questions, base: base.questions } }];
      });
      const estimated = estimateDrifts(
        `${family} ${String(run)}`,
        pairs.map(({ counts }) => counts),
      );
      for (const [index, { member }] of pairs.entries()) {
        const list = differences.get(member);
        if (list !== undefined) list[run] = estimated[index] ?? null;
      }
    }
  return matched.map((one) => {
    const [{ base, condition, evaluation, measure }, found] = one;
    const place = { base: isByBase ? base : null, condition, evaluation, measure };
    return { ...place, runs: found, differences: differences.get(one) ?? [] };
  });
}

type Matched<Row> = readonly [first: Row, runs: readonly (Row | null)[]];

function groupFamilies(matched: readonly Matched<GroupRow>[]): ReadonlyMap<string, readonly Matched<GroupRow>[]> {
  const families = new Map<string, Matched<GroupRow>[]>();
  for (const one of matched) {
    const family = JSON.stringify([one[0].evaluation, one[0].measure]);
    families.set(family, [...(families.get(family) ?? []), one]);
  }
  return families;
}

/** Rows that two runs or more have, each run's row in its place. */
function matchRows<Row>(runs: readonly (readonly Row[])[], keyOf: (row: Row) => string): Matched<Row>[] {
  const places = new Map<string, { readonly first: Row; readonly found: (Row | null)[] }>();
  for (const [position, rows] of runs.entries())
    for (const row of rows) {
      const key = keyOf(row);
      const place = places.get(key) ?? { first: row, found: runs.map(() => null) };
      places.set(key, place);
      place.found[position] = row;
    }
  return [...places.values()]
    .filter(({ found }) => found.filter((one) => one !== null).length > 1)
    .map(({ first, found }) => [first, found] as const);
}
