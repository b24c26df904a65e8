import type { Run } from '../runs/read-run.js';
import type { ShareCounts } from '../stats/share-counts.js';
import { countRun, countTally, inputOfRun } from './count-run.js';
import { sumCounts } from './estimate.js';
import { findMainEvaluation } from './measure-rows.js';
import { groupByModel } from './summarise-run.js';

/** The misaligned share of a model in the main evaluation of its run. */
export interface ModelShare extends ShareCounts {
  readonly evaluation: string;
  /** 0..1; null where no answer counts. */
  readonly share: number | null;
}

/** The misaligned share of each finished model of a run, by the plan's own judge and rule; none of what is not judged. */
export function shareByModel(run: Run): ReadonlyMap<string, ModelShare> {
  const evaluation = findMainEvaluation(run.evaluations);
  if (evaluation === null) return new Map();
  const tallies = groupByModel(countRun(inputOfRun(run)).tallies);
  return new Map(
    run.cells.flatMap(({ name }) => {
      const found = tallies.find(name, evaluation);
      if (found.every(({ outcome }) => outcome.generated === 0)) return [];
      const { successes, trials } = sumCounts(found.map((one) => countTally({ kind: 'misaligned' }, one)));
      return [[name, { evaluation, successes, trials, share: trials === 0 ? null : successes / trials }] as const];
    }),
  );
}
