import { DriftlineError } from '../foundation/driftline-error.js';
import { findByName } from '../foundation/find-by-name.js';
import {
  baseCondition,
  isAboutAlignment,
  isAsked,
  isBase,
  type OutlinedCell,
  type OutlinedEvaluation,
} from '../runs/run-outline.js';
import { groupByCondition } from './count-run.js';
import type { GateOptions } from '../runs/gate-options.js';

/** A condition in an evaluation, which a gate compares with its base. */
export interface GatedPlace {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
}

/** A condition of a gate in an evaluation of it that it is not asked. */
export type NotGated = Pick<GatedPlace, 'condition' | 'evaluation'>;

interface GatedPlan {
  readonly cells: readonly OutlinedCell[];
  readonly evaluations: readonly OutlinedEvaluation[];
}

/**
 * What a gate is about, of what a plan asks. It is `usage-invalid` where that is nothing, where a condition or evaluation is not there,
 * tells nothing of alignment, or is not asked of the base, where a condition is not asked what it must be, and where asking may stop early.
 */
export function chooseGated(plan: GatedPlan, { conditions, evaluations }: GateOptions): GatedPlace[] {
  const named = conditions?.map((name) => findCondition(plan, name));
  const asked = evaluations?.map((name) => findEvaluation(plan, name));
  const aligned = plan.evaluations.filter(isAboutAlignment);
  if (aligned.length === 0)
    throw refuse('nothing that the plan asks tells how aligned a model is', 'Add an evaluation such as suite: gate.');
  const groups = groupByCondition(plan.cells).filter((group) => !isBase(group));
  if (groups.length === 0)
    throw refuse(
      'the gate has nothing to compare with the base: the plan has no condition',
      'Add a condition, or compare two runs with driftline compare.',
    );
  const places = (asked ?? aligned).flatMap((evaluation) =>
    groups
      .filter(({ condition }) => (named?.includes(condition) ?? true) && isAsked(evaluation, condition))
      .map(({ base, condition }) => ({ base, condition, evaluation: evaluation.name })),
  );
  for (const { evaluation } of places) requireComparable(plan, evaluation);
  requireAsked(places, {
    conditions: named ?? [...new Set(groups.map(({ condition }) => condition))],
    evaluations: (asked ?? aligned).map(({ name }) => name),
    areBothNamed: named !== undefined && asked !== undefined,
    areEvaluationsNamed: asked !== undefined,
  });
  return places;
}

/** Which conditions and evaluations a gate is about. */
export interface GatedNames {
  readonly conditions: readonly string[];
  readonly evaluations: readonly string[];
  readonly areEvaluationsNamed: boolean;
  readonly areBothNamed: boolean;
}

/**
 * Where conditions and evaluations are named, each of these conditions must be asked each of these evaluations; else each condition one of
 * them at least, and each evaluation that is named must be asked of a condition: nothing may drop out of a gate unseen.
 */
export function requireAsked(
  places: readonly NotGated[],
  { conditions, evaluations, areBothNamed, areEvaluationsNamed }: GatedNames,
): void {
  const among = evaluations.length === 1 ? (evaluations[0] ?? '') : `any of ${evaluations.join(', ')}`;
  const missing = listNotAsked(places, conditions, evaluations);
  const [pair] = missing;
  if (areBothNamed && pair !== undefined) throw notAsked(pair.condition, pair.evaluation, [pair.evaluation]);
  for (const name of conditions)
    if (places.every(({ condition }) => condition !== name)) throw notAsked(name, among, evaluations);
  for (const name of areEvaluationsNamed ? evaluations : [])
    if (places.every(({ evaluation }) => evaluation !== name))
      throw refuse(
        `no condition of the gate is asked ${name}`,
        `Add one to the conditions of ${name}, or leave ${name} out with --evaluations.`,
      );
}

/** What a gate that `chooseGated` has checked says nothing of: its conditions in evaluations about alignment that they are not asked. */
export function listNotGated(plan: GatedPlan, { conditions, evaluations }: GateOptions): NotGated[] {
  const tuned = plan.cells.filter((cell) => !isBase(cell)).map(({ condition }) => condition);
  const aligned = plan.evaluations.filter((one) => isAboutAlignment(one) && (evaluations?.includes(one.name) ?? true));
  const places = aligned.flatMap((evaluation) =>
    tuned
      .filter((condition) => isAsked(evaluation, condition))
      .map((condition) => ({ condition, evaluation: evaluation.name })),
  );
  return listNotAsked(
    places,
    conditions ?? [...new Set(tuned)],
    aligned.map(({ name }) => name),
  );
}

/** Pairs of these that are not among the places. */
export function listNotAsked(
  places: readonly NotGated[],
  conditions: readonly string[],
  evaluations: readonly string[],
): NotGated[] {
  return evaluations.flatMap((evaluation) =>
    conditions
      .filter((condition) => !places.some((place) => place.condition === condition && place.evaluation === evaluation))
      .map((condition) => ({ condition, evaluation })),
  );
}

function findCondition({ cells }: GatedPlan, name: string): string {
  if (isBase({ condition: name }))
    throw refuse('the base cannot be gated: conditions are compared with it', 'Name other conditions.');
  const known = [...new Set(cells.filter((cell) => !isBase(cell)).map(({ condition }) => condition))];
  return findByName(new Map(known.map((one) => [one, one])), name, 'condition');
}

function findEvaluation({ evaluations }: GatedPlan, name: string): OutlinedEvaluation {
  const found = findByName(new Map(evaluations.map((one) => [one.name, one])), name, 'evaluation');
  if (isAboutAlignment(found)) return found;
  const counts = found.measure === null ? 'reads first tokens' : `counts "${found.measure.name}"`;
  throw refuse(
    `the evaluation ${name} ${counts}, which tells nothing of alignment`,
    'Name evaluations about alignment.',
  );
}

function requireComparable({ evaluations }: GatedPlan, name: string): void {
  const found = evaluations.find((one) => one.name === name);
  if (found === undefined) return;
  if (!isAsked(found, baseCondition))
    throw refuse(
      `the evaluation ${name} does not ask the base, and without a base there is no drift`,
      "Add base to the evaluation's conditions, or leave the evaluation out with --evaluations.",
    );
  if (found.stopEarly !== undefined)
    throw refuse(
      `the evaluation ${name} may stop early, and a gate needs a number of answers that is fixed before`,
      "Remove the evaluation's stop_early, or leave the evaluation out with --evaluations.",
    );
}

function notAsked(condition: string, among: string, evaluations: readonly string[]): DriftlineError {
  const where = evaluations.length === 1 ? `${among}'s conditions` : 'the conditions of one of them';
  return refuse(
    `the gate has nothing to compare for ${condition}: ${condition} is not asked in ${among}`,
    `Add ${condition} to ${where}, or leave ${condition} out with --conditions.`,
  );
}

function refuse(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
