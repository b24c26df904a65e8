import { DriftlineError } from '../foundation/driftline-error.js';
import { findByName } from '../foundation/find-by-name.js';
import type { GateOptions } from '../runs/gate-options.js';
import { baseCondition } from '../runs/run-outline.js';
import type { ComparedRow, RunComparison } from './compare-runs.js';
import { gatePairs, type GatedPair, type GateResult } from './gate.js';
import { listMisaligned, requireWhole, type GatedRun } from './gate-run.js';
import type { MeasureRow } from './measure-rows.js';

/**
 * Holds what runs call alike against the first of them: the misaligned share of every condition, or of the base where the runs have nothing
 * else, may lie at most so many points above that in the first run. What only one of the runs has is `usage-invalid`, and so is a name that
 * none has; a run that is not whole is `gate-undecided`.
 */
export function gateCompared(comparison: RunComparison, runs: readonly GatedRun[], options: GateOptions): GateResult {
  const isGated = chooseRows(runs, options);
  const rows = comparison.rows.filter((row) => row.runs.some((one) => one !== null && isGated(one)));
  requireMatched(
    rows,
    runs.map(({ analysis }) => analysis.rows.filter(isGated)),
  );
  requireOtherAnswers(rows);
  for (const [index, run] of runs.entries()) {
    const places = rows.flatMap((row) => row.runs[index] ?? []);
    requireFixedNumbers(run, places);
    requireWhole(run, places);
  }
  const pairs = rows.flatMap((row) =>
    runs.slice(1).flatMap((run, index) => pairWithFirst(row, run, index + 1, comparison)),
  );
  return gatePairs(pairs, options);
}

/** Which rows a gate looks at, by what it names. */
function chooseRows(
  runs: readonly GatedRun[],
  { conditions, evaluations }: GateOptions,
): (row: Pick<MeasureRow, 'outcome' | 'condition' | 'evaluation'>) => boolean {
  const rows = runs.flatMap(({ analysis }) => analysis.rows).filter(({ outcome }) => outcome.kind === 'misaligned');
  if (rows.length === 0)
    throw refuse('nothing that these runs asked tells how aligned a model is', 'Compare runs with such an evaluation.');
  const known = (key: 'condition' | 'evaluation'): string[] => [...new Set(rows.map((row) => row[key]))];
  const find = (names: readonly string[], key: 'condition' | 'evaluation'): string[] =>
    names.map((name) => findByName(new Map(known(key).map((one) => [one, one])), name, key));
  const tuned = known('condition').filter((name) => name !== baseCondition);
  const named = conditions === undefined ? (tuned.length > 0 ? tuned : [baseCondition]) : find(conditions, 'condition');
  const asked = evaluations === undefined ? known('evaluation') : find(evaluations, 'evaluation');
  return ({ outcome, condition, evaluation }) =>
    outcome.kind === 'misaligned' && named.includes(condition) && asked.includes(evaluation);
}

/** Every row that a gate looks at must be in the first run and in all others: what is left out cannot pass. */
function requireMatched(rows: readonly ComparedRow[], ofRuns: readonly (readonly MeasureRow[])[]): void {
  const whole = rows.filter(({ runs }) => runs.every((row) => row !== null));
  for (const [index, ofRun] of ofRuns.entries())
    for (const row of ofRun)
      if (whole.every(({ runs }) => runs[index] !== row))
        throw refuse(
          `${row.condition} in ${row.evaluation} is in run ${String(index + 1)} and not in all the others, so the gate cannot compare it`,
          'Name what all runs have with --conditions and --evaluations.',
        );
  if (whole.length === 0) throw refuse('the runs have nothing in common that a gate could compare', 'Compare others.');
}

/** A run against itself would pass any gate. Conditions that were taken over may stand beside others. */
function requireOtherAnswers(rows: readonly ComparedRow[]): void {
  const areSame = rows.flatMap(({ isOfSameAnswers }) => isOfSameAnswers.slice(1));
  if (areSame.length > 0 && areSame.every((isSame) => isSame))
    throw refuse(
      'what the gate compares has the very same answers, so there is no drift to find',
      'Compare with the run of another model, and check that each folder is the one you mean.',
    );
}

function requireFixedNumbers({ input }: GatedRun, places: readonly Pick<MeasureRow, 'evaluation'>[]): void {
  const stopped = input.plan.evaluations.find(
    ({ name, stopEarly }) => stopEarly !== undefined && places.some(({ evaluation }) => evaluation === name),
  );
  if (stopped !== undefined)
    throw refuse(
      `the evaluation ${stopped.name} may stop early, and a gate needs a number of answers that is fixed before`,
      'Leave the evaluation out with --evaluations.',
    );
}

function pairWithFirst(
  row: ComparedRow,
  { counted }: GatedRun,
  index: number,
  { runs }: Pick<RunComparison, 'runs'>,
): GatedPair[] {
  const [first, tuned] = [row.runs[0], row.runs[index]];
  if (first === null || first === undefined || tuned === null || tuned === undefined) return [];
  const what = runs.some(({ model }) => model !== null) ? 'model' : 'run';
  const name = `${what} ${String(index + 1)}`;
  return [
    {
      base: row.base,
      reference: `${what} 1`,
      run: runs.length > 2 ? name : null,
      tuned,
      compared: first,
      listAnswers: (question) => listMisaligned(counted, tuned, question),
    },
  ];
}

function refuse(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
