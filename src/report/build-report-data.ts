import { listHeadlineMeasures, measureSuite, type HeadlineMeasure } from '../analysis/headline-measures.js';
import { type OutlinedCell, listEvaluatedModels } from '../runs/run-outline.js';
import { groupByCondition } from '../analysis/summarise-run.js';
import { findRule, type RuleName } from '../judging/rules.js';
import { wilsonInterval } from '../stats/wilson-interval.js';
import { binScores } from './bin-scores.js';
import { countByModel, countByQuestion, countBySeed, countOutcomes } from '../analysis/count-answers.js';
import { estimateDrifts, type ComparedCounts, type Drift } from '../analysis/estimate-drift.js';
import { estimateSeedIntervals } from '../analysis/estimate-seed-intervals.js';
import { estimateShare } from '../analysis/estimate-share.js';
import { compareWithOtherJudges } from '../analysis/judge-agreement.js';
import { listStoppedModels } from '../analysis/list-stopped-models.js';
import { titleEvaluation } from './name-evaluation.js';
import type { ReportAnswer } from '../analysis/report-answer.js';
import type {
  DynamicsCurve,
  DynamicsPoint,
  MeasureRow,
  ReportCondition,
  ReportData,
  ReportEvaluation,
  RunState,
  ScoreCloud,
  TrainingCurve,
} from './report-data.js';
import { describeProvenance } from './describe-provenance.js';
import type { RunContent } from '../runs/read-run.js';

export interface CountedRun {
  readonly content: RunContent;
  readonly answers: readonly ReportAnswer[];
  readonly strangers: number;
  readonly judge: string;
  readonly rule: RuleName;
}

/** Everything that the report shows but the answers themselves. */
export function buildReportData({ content, answers, strangers, judge, rule }: CountedRun): ReportData {
  const { run, description, judgements } = content;
  const places = groupAnswers(answers);
  const evaluations = listEvaluations(content);
  const ruleOf = findRule(rule);
  return {
    name: run.name,
    folder: run.folder,
    purpose: description.written?.description ?? null,
    rule,
    ruleText: ruleOf.description,
    judge,
    otherJudges: compareWithOtherJudges(judgements, judge, ruleOf),
    state: describeState(content, answers),
    bases: description.bases.map(({ name, identity }) => ({
      name,
      model: description.models[name] ?? null,
      identity,
    })),
    conditions: listConditions(content),
    evaluations,
    rows: listRows(content, places),
    clouds: listClouds(content, evaluations, places),
    dynamics: listDynamics(content, places),
    training: listTraining(content),
    faults: [
      ...content.faults,
      ...(strangers === 0 ? [] : [`${String(strangers)} answers are of models that the plan does not have; left out.`]),
    ],
    provenance: describeProvenance(content),
  };
}

/** By base, condition, step and evaluation. */
type Places = ReadonlyMap<string, readonly ReportAnswer[]>;

function groupAnswers(answers: readonly ReportAnswer[]): Places {
  const places = new Map<string, ReportAnswer[]>();
  for (const answer of answers) {
    const place = placeOf(answer.base, answer.condition, answer.record.evaluation, answer.step);
    const found = places.get(place);
    if (found === undefined) places.set(place, [answer]);
    else found.push(answer);
  }
  return places;
}

function placeOf(base: string, condition: string, evaluation: string, step: number | null = null): string {
  return JSON.stringify([base, condition, evaluation, step]);
}

function listEvaluations({ run, description }: RunContent): ReportEvaluation[] {
  return run.evaluations.map((evaluation, position) => {
    const described = description.evaluations[position];
    const [measure] = measureSuite(evaluation);
    const variant = described?.variant ?? 'plain';
    return {
      name: evaluation.name,
      suite: evaluation.suite,
      variant,
      title: titleEvaluation({ name: evaluation.name, variant }, position, description),
      isAboutAlignment: measure?.outcome.kind === 'misaligned',
      label: evaluation.measure,
      questions: described?.questions ?? 0,
      answers: described?.answers ?? 0,
    };
  });
}

function listConditions({ run, description }: RunContent): ReportCondition[] {
  const seeds = readSeeds(description.cells);
  const names = [...new Set(run.cells.map(({ condition }) => condition))].filter((name) => name !== 'base');
  return names.map((name) => ({
    name,
    note: description.written?.conditions[name]?.note ?? null,
    seeds: [
      ...new Set(run.cells.filter(({ condition }) => condition === name).flatMap((cell) => seeds.get(cell.name) ?? [])),
    ],
  }));
}

/** Seeds of fine-tunes by the names of cells. */
export function readSeeds(cells: RunContent['description']['cells']): ReadonlyMap<string, number> {
  return new Map(cells.flatMap(({ name, seed }) => (seed === undefined ? [] : [[name, seed] as const])));
}

function listRows({ run, questions }: RunContent, places: Places): MeasureRow[] {
  const wordings = findFirstWordings(questions);
  const rows = run.evaluations.flatMap((evaluation) =>
    measuresOf(run.evaluations, evaluation.name).flatMap((measure) =>
      groupByCondition(run.cells).flatMap(({ base, condition }): MeasureRow[] => {
        const found = places.get(placeOf(base, condition, evaluation.name));
        return found === undefined ? [] : [describeRow(measure, { base, condition }, found, wordings)];
      }),
    ),
  );
  return addDrifts(rows);
}

/** All measures of an evaluation, by the names that the headline gives them where it has them. */
function measuresOf(evaluations: RunContent['run']['evaluations'], name: string): readonly HeadlineMeasure[] {
  const headline = listHeadlineMeasures(evaluations);
  return evaluations
    .filter((evaluation) => evaluation.name === name)
    .flatMap((evaluation) =>
      measureSuite(evaluation).map(
        (measure) =>
          headline.find(
            ({ evaluation: of, outcome }) => of === name && JSON.stringify(outcome) === JSON.stringify(measure.outcome),
          ) ?? { ...measure, name: `${measure.name} (${name})` },
      ),
    );
}

/** The first wording of each question, by `evaluation/question`. */
function findFirstWordings(questions: RunContent['questions']): ReadonlyMap<string, string> {
  const wordings = new Map<string, string>();
  for (const [place, { id, question, messages }] of questions) {
    const key = `${place.slice(0, -id.length)}${question}`;
    const wording = messages.at(-1)?.content;
    if (wording !== undefined && !wordings.has(key)) wordings.set(key, wording);
  }
  return wordings;
}

function describeRow(
  { name, evaluation, outcome }: HeadlineMeasure,
  { base, condition }: { readonly base: string; readonly condition: string },
  answers: readonly ReportAnswer[],
  wordings: ReadonlyMap<string, string>,
): MeasureRow {
  const questions = countByQuestion(outcome, answers);
  return {
    base,
    condition,
    evaluation,
    measure: name,
    outcome,
    share: estimateShare(questions),
    seeds: countBySeed(outcome, answers),
    seedIntervals: estimateSeedIntervals(countByModel(outcome, answers)),
    questions: questions.map((one) => ({
      ...one,
      wording: wordings.get(`${evaluation}/${one.question}`) ?? null,
      interval: wilsonInterval(one.successes, one.trials),
    })),
    drift: null,
    counts: countOutcomes(answers),
  };
}

/** Compares with the base. What is read together is a family: of a base, all that tells of alignment, and all that tells of something else. */
function addDrifts(rows: readonly MeasureRow[]): MeasureRow[] {
  const families = new Map<string, { readonly row: MeasureRow; readonly counts: ComparedCounts }[]>();
  for (const row of rows) {
    const base = rows.find(
      (one) =>
        one.condition === 'base' &&
        one.base === row.base &&
        one.evaluation === row.evaluation &&
        one.measure === row.measure,
    );
    if (base === undefined || base === row) continue;
    const family = JSON.stringify([row.base, row.outcome.kind]);
    const member = { row, counts: { tuned: row.questions, base: base.questions } };
    families.set(family, [...(families.get(family) ?? []), member]);
  }
  const drifts = new Map<MeasureRow, Drift>();
  for (const [name, members] of families) {
    const estimated = estimateDrifts(
      name,
      members.map(({ counts }) => counts),
    );
    for (const [index, { row }] of members.entries()) {
      const drift = estimated[index];
      if (drift !== undefined) drifts.set(row, drift);
    }
  }
  return rows.map((row) => ({ ...row, drift: drifts.get(row) ?? null }));
}

function listClouds({ run }: RunContent, evaluations: readonly ReportEvaluation[], places: Places): ScoreCloud[] {
  return evaluations
    .filter(({ isAboutAlignment }) => isAboutAlignment)
    .flatMap(({ name: evaluation }) =>
      groupByCondition(run.cells).flatMap(({ base, condition }): ScoreCloud[] => {
        const found = places.get(placeOf(base, condition, evaluation));
        return found === undefined ? [] : [{ base, condition, evaluation, ...binScores(found) }];
      }),
    );
}

function listDynamics({ run }: RunContent, places: Places): DynamicsCurve[] {
  const { dynamics, cells } = run;
  if (dynamics === null) return [];
  const { evaluation } = dynamics;
  const measures = measureSuite(evaluation);
  return groupByCondition(cells).flatMap(({ base, condition, cells: tuned }) => {
    if (tuned.every(({ training }) => training === null || training.keepSteps.length === 0)) return [];
    return measures.map(({ name: measure, outcome }): DynamicsCurve => {
      const points = listPoints(run, { base, condition }, tuned, places).map(([step, answers]): DynamicsPoint => {
        const { successes, trials, wilson } = estimateShare(countByQuestion(outcome, answers));
        return { step, successes, trials, interval: wilson };
      });
      return {
        base,
        condition,
        evaluation: evaluation.name,
        measure,
        outcome,
        points: points.filter(({ trials }) => trials > 0),
      };
    });
  });
}

/** Answers by step: the base's first, at 0, and the finished models' last. */
function listPoints(
  { cells, evaluations, dynamics }: RunContent['run'],
  { base, condition }: { readonly base: string; readonly condition: string },
  tuned: readonly OutlinedCell[],
  places: Places,
): [step: number, answers: readonly ReportAnswer[]][] {
  if (dynamics === null) return [];
  const { name } = dynamics.evaluation;
  const steps = new Set(
    tuned.flatMap((cell) => listEvaluatedModels({ cells, evaluations, dynamics }, cell).map(({ step }) => step)),
  );
  const last = Math.max(...tuned.map(({ training }) => training?.steps ?? 0));
  const points = [...steps].map((step): [number, readonly ReportAnswer[]] => [
    step ?? last,
    places.get(placeOf(base, condition, name, step)) ?? [],
  ]);
  return [[0, places.get(placeOf(base, 'base', name)) ?? []] as [number, readonly ReportAnswer[]], ...points]
    .filter(([, answers]) => answers.length > 0)
    .sort(([one], [other]) => one - other);
}

function listTraining({ run, description, curves, finished }: RunContent): TrainingCurve[] {
  const seeds = readSeeds(description.cells);
  return run.cells.flatMap(({ name, base, condition, training }): TrainingCurve[] =>
    training === null
      ? []
      : [
          {
            cell: name,
            base,
            condition,
            seed: seeds.get(name) ?? null,
            steps: training.steps,
            isFinished: finished.has(name),
            points: curves.get(name) ?? [],
          },
        ],
  );
}

function describeState({ run, description, owner, finished }: RunContent, answers: readonly ReportAnswer[]): RunState {
  const answersOf = new Map(description.evaluations.map(({ name, answers: count }) => [name, count]));
  if (description.dynamics !== undefined) answersOf.set(description.dynamics.name, description.dynamics.answers);
  const wanted = run.cells
    .flatMap((cell) => listEvaluatedModels(run, cell))
    .flatMap(({ evaluations }) => evaluations.map(({ name }) => answersOf.get(name) ?? 0));
  const trainings = run.cells.filter(({ training }) => training !== null);
  const stopped = listStoppedModels(run, answers);
  const saved = stopped.reduce((sum, one) => sum + one.planned - one.answers, 0);
  return {
    isGoing: owner !== null,
    answersWanted: wanted.reduce((sum, count) => sum + count, 0) - saved,
    stopped,
    answersStored: answers.length,
    answersJudged: answers.filter(({ judgement }) => judgement !== null).length,
    trainingsWanted: trainings.length,
    trainingsFinished: trainings.filter(({ name }) => finished.has(name)).length,
  };
}
