import { join } from 'node:path';
import { listEvaluatedModels } from '../plan/list-evaluated-models.js';
import type { PlannedCell, ResolvedPlan } from '../plan/resolved-plan.js';
import { answerRecordSchema } from './answer-record.js';
import { findEarlierRuns, identifyCell, readCellIdentity, readRecords } from './earlier-runs.js';
import { nameRun } from './run-folder.js';
import { listWantedAnswers } from './wanted-answer.js';

/** What a run of one cell will take, and what of it is left to do. */
export interface CellForecast {
  readonly cell: string;
  readonly base: string;
  readonly condition: string;
  readonly seed: number | null;
  readonly trainingSet: { readonly name: string; readonly rows: number; readonly hash: string } | null;
  /** Training steps, whatever there is of them. */
  readonly steps: number;
  readonly answers: number;
  /** All of them where training was begun and stopped. */
  readonly stepsToDo: number;
  readonly answersToAsk: number;
}

export interface RunForecast {
  /** The run's folder, there or not. */
  readonly folder: string;
  readonly cells: readonly CellForecast[];
}

/** Counts what a plan asks for, and what neither its run folder nor a run of an earlier form of it has. Writes nothing. */
export async function forecastRun(runs: string, plan: ResolvedPlan): Promise<RunForecast> {
  const folder = join(runs, nameRun(plan));
  const earlier = await findEarlierRuns(runs, plan.name, nameRun(plan));
  const stored = new Set<string>();
  for await (const { key } of readRecords(join(folder, 'answers.jsonl'), answerRecordSchema)) stored.add(key);
  const cells: CellForecast[] = [];
  for (const cell of plan.cells) {
    const wanted = listEvaluatedModels(plan, cell).flatMap(({ name, identity, evaluations }) =>
      listWantedAnswers(name, identity, evaluations),
    );
    const missing = wanted.filter(({ key, input }) => !stored.has(key) && !earlier.answers.has(input));
    const { name, base, condition, training } = cell;
    const steps = training?.steps ?? 0;
    const isTrained = await hasModel(cell, join(folder, 'cells', name), earlier.cells);
    cells.push({
      cell: name,
      base,
      condition,
      seed: training?.seed ?? null,
      trainingSet: training && {
        name: training.set.name,
        rows: training.set.rows.length,
        hash: training.set.hash,
      },
      steps,
      answers: wanted.length,
      stepsToDo: isTrained ? 0 : steps,
      answersToAsk: missing.length,
    });
  }
  return { folder, cells };
}

async function hasModel(
  { training, identity }: PlannedCell,
  folder: string,
  earlier: ReadonlyMap<string, string>,
): Promise<boolean> {
  if (training === null) return true;
  const wanted = identifyCell(identity, training.keepSteps);
  return earlier.has(wanted) || (await readCellIdentity(folder)) === wanted;
}
