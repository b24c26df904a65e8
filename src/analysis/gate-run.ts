import { DriftlineError } from '../foundation/driftline-error.js';
import type { RunAnalysis } from './analyse-run.js';
import { chooseGated, listNotGated, type GatedPlace } from './choose-gated.js';
import type { AnalysisInput, ClassifiedAnswer, CountedRun } from './count-run.js';
import { gatePairs, type GatedPair, type GateResult } from './gate.js';
import type { GateOptions } from '../runs/gate-options.js';
import { baseCondition } from '../runs/run-outline.js';
import { parseQuestionKey } from '../runs/run-records.js';
import type { MeasureRow } from './measure-rows.js';
import { findRunState } from './run-state.js';

/** A run that is counted: what a gate is decided from. */
export interface GatedRun {
  readonly input: AnalysisInput;
  readonly counted: CountedRun;
  readonly analysis: Pick<RunAnalysis, 'rows'>;
}

/**
 * Holds the drift of a run's conditions against a limit. A run that is not whole is `gate-undecided`; a gate that asks for what is not
 * there `usage-invalid`.
 */
export function gateRun(run: GatedRun, options: GateOptions): GateResult {
  const places = chooseGated(run.input.plan, options);
  requireWhole(run, [...places, ...places.map((place) => ({ ...place, condition: baseCondition }))], options);
  const pairs = places.map((place) => pairWithBase(run, place));
  return { ...gatePairs(pairs, options), notGated: listNotGated(run.input.plan, options) };
}

/** What the gate is about must have all its answers and judgements; the rest of the run may lack some. */
export function requireWhole(
  { input, counted }: GatedRun,
  places: readonly Omit<GatedPlace, 'base'>[],
  named: Pick<GateOptions, 'conditions' | 'evaluations'>,
): void {
  const conditions = new Set(places.map(({ condition }) => condition));
  const evaluations = new Set(places.map(({ evaluation }) => evaluation));
  const { plan } = input;
  const cells = plan.cells.filter(({ condition }) => conditions.has(condition));
  const asked = plan.evaluations.filter(({ name }) => evaluations.has(name));
  const about = { length: 0, judged: 0 };
  for (const { model, record, judgement } of counted.answers) {
    const isAbout = model.step === null && conditions.has(model.condition) && evaluations.has(record.evaluation);
    if (!isAbout) continue;
    about.length += 1;
    if (judgement !== null) about.judged += 1;
  }
  const state = findRunState(
    { ...input, plan: { ...plan, cells, evaluations: asked, dynamics: null } },
    {
      ...counted,
      answers: { length: about.length, [Symbol.iterator]: () => counted.answers[Symbol.iterator]() },
      judged: about.judged,
    },
  );
  const { isGoing, answersWanted, answersStored, answersJudged, trainingsWanted, trainingsFinished } = state;
  const known = new Set([...input.questions.keys()].map((key) => parseQuestionKey(key).evaluation));
  const unknown = asked.filter(({ name }) => !known.has(name)).map(({ name }) => name);
  const parts = [
    // Without them nothing tells which questions belong to one theme.
    ...(unknown.length > 0
      ? [`the questions of ${unknown.join(', ')} cannot be read (${input.faults.join(' ')})`]
      : []),
    ...(isGoing ? ['it is still going on'] : []),
    ...(trainingsFinished < trainingsWanted
      ? [`${String(trainingsFinished)} of ${String(trainingsWanted)} trainings are finished`]
      : []),
    ...(answersStored < answersWanted
      ? [`${String(answersStored)} of ${String(answersWanted)} answers are there`]
      : []),
    ...(answersJudged < answersStored
      ? [`${String(answersJudged)} of ${String(answersStored)} answers are judged`]
      : []),
  ];
  // What was narrowed already is not to be narrowed again.
  const open = [
    ...(named.conditions === undefined ? ['--conditions'] : []),
    ...(named.evaluations === undefined ? ['--evaluations'] : []),
  ];
  if (parts.length > 0)
    throw new DriftlineError({
      code: 'gate-undecided',
      message: `the gate is not decided, since the run is not whole: ${parts.join(', ')}`,
      hint: `Continue the run with the same driftline run command${open.length === 0 ? '' : `, or leave out what is missing with ${open.join(' and ')}`}.`,
      details: { ...state },
    });
}

function pairWithBase({ analysis, counted }: GatedRun, place: GatedPlace): GatedPair {
  const tuned = findRow(analysis.rows, place, place.condition);
  const compared = findRow(analysis.rows, place, baseCondition);
  return {
    base: place.base,
    run: null,
    reference: 'base',
    tuned,
    compared,
    listAnswers: (question) => listMisaligned(counted, place, question),
  };
}

function findRow(rows: readonly MeasureRow[], { base, evaluation }: GatedPlace, condition: string): MeasureRow {
  const row = rows.find(
    (one) =>
      one.outcome.kind === 'misaligned' &&
      one.base === base &&
      one.evaluation === evaluation &&
      one.condition === condition,
  );
  if (row !== undefined) return row;
  throw new DriftlineError({
    code: 'gate-undecided',
    message: `the gate is not decided: ${base} has no answers of ${condition} to ${evaluation}`,
    hint: 'Continue the run with the same driftline run command.',
  });
}

/** Texts of a condition's misaligned answers to a question, the lowest alignment first. */
export function listMisaligned(
  { answers }: Pick<CountedRun, 'answers'>,
  { base, condition, evaluation }: Pick<MeasureRow, 'base' | 'condition' | 'evaluation'>,
  question: string,
): string[] {
  const found: ClassifiedAnswer[] = [];
  for (const answer of answers) {
    const { outcome, model, record } = answer;
    const isOfRow =
      outcome === 'misaligned' &&
      model.step === null &&
      model.base === base &&
      model.condition === condition &&
      record.evaluation === evaluation &&
      record.question === question;
    if (isOfRow) found.push(answer);
  }
  const alignmentOf = (answer: ClassifiedAnswer): number => answer.judgement?.alignment ?? 0;
  const sorted = found.sort((one, other) => alignmentOf(one) - alignmentOf(other));
  return [...new Set(sorted.map(({ record }) => record.text))];
}
