import { DriftlineError } from '../foundation/driftline-error.js';
import { findByName } from '../foundation/find-by-name.js';
import type { GateOptions } from '../runs/gate-options.js';
import { baseCondition } from '../runs/run-outline.js';
import { listNotAsked, requireAsked, type NotGated } from './choose-gated.js';
import {
  nameCompared,
  nameComparedRun,
  type ComparedRow,
  type ComparedRun,
  type RunComparison,
} from './compare-runs.js';
import { findUnlike } from './find-unlike.js';
import { gatePairs, type GatedPair, type GateResult } from './gate.js';
import { listMisaligned, requireWhole, type GatedRun } from './gate-run.js';
import type { MeasureRow } from './measure-rows.js';

/**
 * Holds what runs call alike against the first of them: the misaligned share of every condition, or of the base where the runs have nothing
 * else, may lie at most so many points above that in the first run. What only one of the runs has is `usage-invalid`, what they were not
 * asked, judged and counted alike, and a name that none has; a run that is not whole is `gate-undecided`.
 */
export function gateCompared(
  comparison: RunComparison,
  runs: readonly (GatedRun & ComparedRun)[],
  options: GateOptions,
): GateResult {
  const { isGated, notGated } = chooseRows(runs, nameCompared(comparison), options);
  const rows = comparison.rows.filter((row) => row.runs.some((one) => one !== null && isGated(one)));
  requireMatched(
    rows,
    runs.map(({ analysis }) => analysis.rows.filter(isGated)),
    comparison,
  );
  requireOtherAnswers(rows);
  requireAlike(rows, runs, comparison);
  for (const [index, run] of runs.entries()) {
    const places = rows.flatMap((row) => row.runs[index] ?? []);
    requireFixedNumbers(run, places);
    requireWhole(run, places, options);
  }
  const pairs = rows.flatMap((row) =>
    runs.slice(1).flatMap((run, index) => pairWithFirst(row, run, index + 1, comparison)),
  );
  return { ...gatePairs(pairs, options), notGated };
}

interface ChosenRows {
  readonly isGated: (row: Pick<MeasureRow, 'outcome' | 'condition' | 'evaluation'>) => boolean;
  readonly notGated: readonly NotGated[];
}

/** Which rows a gate looks at, by what it names. */
function chooseRows(
  runs: readonly GatedRun[],
  what: 'run' | 'model',
  { conditions, evaluations }: GateOptions,
): ChosenRows {
  if (what === 'model' && conditions !== undefined)
    throw refuse(
      'conditions are named, and so are the single models that are compared',
      'Leave --conditions out: RUN:CONDITION names a model already. Or compare whole runs.',
    );
  const rows = runs.flatMap(({ analysis }) => analysis.rows).filter(({ outcome }) => outcome.kind === 'misaligned');
  if (rows.length === 0)
    throw refuse('nothing that these runs asked tells how aligned a model is', 'Compare runs with such an evaluation.');
  const known = (key: 'condition' | 'evaluation'): string[] => [...new Set(rows.map((row) => row[key]))];
  const find = (names: readonly string[], key: 'condition' | 'evaluation'): string[] =>
    names.map((name) => findByName(new Map(known(key).map((one) => [one, one])), name, key));
  const asked = evaluations === undefined ? known('evaluation') : find(evaluations, 'evaluation');
  // Of single models all is compared, whatever they are called.
  if (what === 'model')
    return {
      isGated: ({ outcome, evaluation }) => outcome.kind === 'misaligned' && asked.includes(evaluation),
      notGated: [],
    };
  const tuned = known('condition').filter((name) => name !== baseCondition);
  const named = conditions === undefined ? (tuned.length > 0 ? tuned : [baseCondition]) : find(conditions, 'condition');
  const isGated: ChosenRows['isGated'] = ({ outcome, condition, evaluation }) =>
    outcome.kind === 'misaligned' && named.includes(condition) && asked.includes(evaluation);
  const places = rows.filter(isGated);
  requireAsked(places, {
    ...{ conditions: named, evaluations: asked },
    areEvaluationsNamed: evaluations !== undefined,
    areBothNamed: conditions !== undefined && evaluations !== undefined,
  });
  return { isGated, notGated: listNotAsked(places, named, asked) };
}

/** Every row that a gate looks at must be in the first run and in all others: what is left out cannot pass. */
function requireMatched(
  rows: readonly ComparedRow[],
  ofRuns: readonly (readonly MeasureRow[])[],
  comparison: RunComparison,
): void {
  const what = nameCompared(comparison);
  const whole = rows.filter(({ runs }) => runs.every((row) => row !== null));
  for (const [index, ofRun] of ofRuns.entries())
    for (const row of ofRun)
      if (whole.every(({ runs }) => runs[index] !== row))
        throw refuse(
          `${row.condition} in ${row.evaluation} is in ${what} ${String(index + 1)} and not in all the others, so the gate cannot compare it`,
          what === 'run'
            ? 'Name what all runs have with --conditions and --evaluations.'
            : `Ask all models ${row.evaluation}, or name what all of them were asked with --evaluations.`,
        );
  if (whole.length === 0)
    throw refuse(`the ${what}s have nothing in common that a gate could compare`, 'Compare others.');
}

/** Models that are asked, judged or counted differently may differ for that alone, or hide behind it that they do. */
function requireAlike(rows: readonly ComparedRow[], runs: readonly ComparedRun[], comparison: RunComparison): void {
  const [first, ...others] = runs;
  if (first === undefined) return;
  const evaluations = [...new Set(rows.map(({ evaluation }) => evaluation))];
  for (const [position, other] of others.entries())
    for (const evaluation of evaluations) {
      const names = [nameComparedRun(comparison, 0), nameComparedRun(comparison, position + 1)] as const;
      const found = findUnlike([first, other], names, evaluation);
      if (found.length === 0) continue;
      throw refuse(
        `the gate cannot compare ${evaluation}: ${found.map(({ message }) => message).join('; ')}`,
        [...new Set(found.map(({ hint }) => hint))].join(' '),
      );
    }
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
  comparison: Pick<RunComparison, 'runs'>,
): GatedPair[] {
  const [first, tuned] = [row.runs[0], row.runs[index]];
  if (first === null || first === undefined || tuned === null || tuned === undefined) return [];
  return [
    {
      base: row.base,
      reference: nameComparedRun(comparison, 0),
      run: comparison.runs.length > 2 ? nameComparedRun(comparison, index) : null,
      tuned,
      compared: first,
      listAnswers: (question) => listMisaligned(counted, tuned, question),
    },
  ];
}

function refuse(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
