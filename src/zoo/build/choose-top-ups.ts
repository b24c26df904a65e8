import { plainContext, type AnswerCounts } from '../definition/panel.js';
import type { ZooEntry } from '../definition/list-entries.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import type { EntryTruth } from '../truth/classify-entry.js';
import { firstAnswers, groupEntries, type TopUps } from './write-zoo-plan.js';

/**
 * The answers of the next look: conditions with an entry that is undecided get more to the contexts that may decide it. The same as before
 * where nothing is undecided, or no look is left.
 */
export function chooseTopUps(
  zoo: Pick<ZooDefinition, 'kinds' | 'panel'>,
  entries: readonly ZooEntry[],
  truths: ReadonlyMap<string, Pick<EntryTruth, 'wanted'>>,
  answers: AnswerCounts,
  before: TopUps,
): TopUps {
  const after = new Map(before);
  const looksOf = looksOfContexts(zoo, answers);
  const byCondition = groupEntries(entries);
  for (const [condition, { entry }] of byCondition) {
    const ofCondition = entries.filter(({ kind, dose, recipe }) => {
      const { entry: first } = byCondition.get(condition) ?? { entry };
      return kind === first.kind && dose === first.dose && recipe === first.recipe;
    });
    const wanted = new Set(ofCondition.flatMap(({ id }) => truths.get(id)?.wanted ?? []));
    const counts = new Map(before.get(condition));
    for (const context of wanted) {
      const now = counts.get(context) ?? firstAnswers(zoo, entry.kind, answers);
      const next = looksOf(context).find((look) => look > now);
      if (next !== undefined) counts.set(context, next);
    }
    if (counts.size > 0) after.set(condition, counts);
  }
  return after;
}

/** Answers at each look: the plain context may get more at the last one than others. */
export function looksOfContexts(
  { panel }: Pick<ZooDefinition, 'panel'>,
  { looks, plain }: AnswerCounts,
): (context: string) => readonly number[] {
  const ofPlain = plain === undefined ? looks : [...looks.slice(0, -1), plain];
  return (context) => (context === plainContext(panel) ? ofPlain : looks);
}

/** Whether nothing was added. */
export function areSameTopUps(left: TopUps, right: TopUps): boolean {
  const list = (topUps: TopUps): string =>
    JSON.stringify([...topUps].map(([condition, counts]) => [condition, [...counts].sort()]).sort());
  return list(left) === list(right);
}
