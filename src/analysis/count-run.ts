import {
  addToTally,
  type Classification,
  classifyJudgement,
  createRuleTally,
  findRule,
  leaveOutFew,
  type QuestionOutcome,
  requireOneJudge,
  type RuleName,
  type RuleTally,
} from '../judging/rules.js';
import type { TokenDistribution } from '../judging/reply-score.js';
import { withoutScoresOfUnknown } from '../judging/unknown-question.js';
import type { Measure, QuestionType, RatingScale } from '../questions/question-file.js';
import { findLargeRecords, type Run } from '../runs/read-run.js';
import { readGroups, readSeeds } from '../runs/run-manifest.js';
import { isAboutAlignment, listEvaluatedModels, type OutlinedCell, type PlanOutline } from '../runs/run-outline.js';
import {
  findJudgement,
  questionKeyOf,
  type AnswerRecord,
  type JudgementRecord,
  type RunRecords,
} from '../runs/run-records.js';
import type { ShareCounts } from '../stats/share-counts.js';

/** The input of an analysis, which reads no file itself; answers and judgements of a large run are read as they are gone through. */
export interface AnalysisInput {
  readonly plan: Pick<PlanOutline, 'bases' | 'cells' | 'evaluations' | 'dynamics' | 'rule'>;
  /** The judge whose judgements decide when asking stops early, and which counts if no other is named. */
  readonly ownJudge: string;
  /** Named groups of conditions; none if not given. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** Seeds of fine-tunes by the names of cells; bases have none. */
  readonly seeds: ReadonlyMap<string, number>;
  /** Answers that the plan wants of each model, by evaluation. */
  readonly wantedAnswers: ReadonlyMap<string, number>;
  /** As they were asked, by `evaluation/id`; empty if unknown. */
  readonly questions: ReadonlyMap<string, AskedWording>;
  readonly answers: Iterable<AnswerRecord>;
  /** From all judges. */
  readonly judgements: Iterable<JudgementRecord>;
  /** Finds a judge's judgement of an answer where there are too many to hold. */
  readonly findJudgement?: (answer: string, judge: string) => JudgementRecord | null;
  /** Losses of trainings, step by step, by the names of cells. */
  readonly losses: ReadonlyMap<string, readonly number[]>;
  /** Cells whose training is finished. */
  readonly finished: ReadonlySet<string>;
  readonly isGoing: boolean;
  /** What in the run could not be used, in sentences. */
  readonly faults: readonly string[];
}

interface AskedWording {
  readonly id: string;
  readonly question: string;
  readonly theme?: string | undefined;
  readonly messages: readonly { readonly content: string }[];
  readonly type?: QuestionType;
  readonly rating?: RatingScale | undefined;
}

/** Whose judgements count, and by which rule. */
export interface AnalysisOptions {
  /** The run's own if not given. */
  readonly judge?: string | undefined;
  /** The plan's if not given. */
  readonly rule?: RuleName | undefined;
}

/** A stored run as an analysis takes it. */
export function inputOfRun(run: Run): AnalysisInput {
  const { evaluations, dynamics } = run.manifest;
  const large = findLargeRecords(run);
  return {
    plan: run,
    ownJudge: run.judge,
    groups: readGroups(run.manifest),
    seeds: readSeeds(run),
    wantedAnswers: new Map(
      [...evaluations, ...(dynamics === undefined ? [] : [dynamics])].map(({ name, answers }) => [name, answers]),
    ),
    questions: run.questions,
    ...(large === null
      ? { answers: run.answers, judgements: run.judgements.map(withoutScoresOfUnknown) }
      : goThrough(large)),
    losses: new Map([...run.curves].map(([name, points]) => [name, points.map(({ loss }) => loss)])),
    finished: run.finished,
    isGoing: run.owner !== null,
    faults: run.faults,
  };
}

/** Reads records whenever they are gone through. */
function goThrough({
  answers,
  judgements,
}: RunRecords): Pick<AnalysisInput, 'answers' | 'judgements' | 'findJudgement'> {
  function* listJudgements(): Generator<JudgementRecord, void, undefined> {
    for (const record of judgements.values()) yield withoutScoresOfUnknown(record);
  }
  return {
    answers: { [Symbol.iterator]: () => answers.values() },
    judgements: { [Symbol.iterator]: listJudgements },
    findJudgement: (answer, judge) => {
      const found = findJudgement(judgements, answer, judge);
      return found === null ? null : withoutScoresOfUnknown(found);
    },
  };
}

interface ConditionCells {
  readonly base: string;
  readonly condition: string;
  /** One per seed. */
  readonly cells: readonly OutlinedCell[];
}

/** Cells of the same base and condition together, in the order of the plan. */
export function groupByCondition(cells: readonly OutlinedCell[]): ConditionCells[] {
  const groups = new Map<string, { base: string; condition: string; cells: OutlinedCell[] }>();
  for (const cell of cells) {
    const { base, condition } = cell;
    const group = groups.get(`${base}/${condition}`) ?? { base, condition, cells: [] };
    group.cells.push(cell);
    groups.set(`${base}/${condition}`, group);
  }
  return [...groups.values()];
}

/** What a share counts: misaligned answers, among those that a rule keeps; or incoherent answers or those with a label, among all. */
export type MeasuredOutcome =
  | { readonly kind: 'misaligned' }
  | { readonly kind: 'incoherent' }
  | { readonly kind: 'label'; readonly label: string };

/** A share that is taken of the answers to an evaluation. */
export interface EvaluationMeasure {
  /** What tables call it. */
  readonly name: string;
  readonly evaluation: string;
  readonly outcome: MeasuredOutcome;
}

/** What measures need to know of an evaluation. */
export interface MeasuredEvaluation {
  readonly name: string;
  readonly suite: string;
  /** What is counted if it is not about alignment; else null. */
  readonly measure: Measure | null;
  /** As of an outlined evaluation: it has no shares. */
  readonly isOfFirstTokens?: boolean;
}

/** The misaligned and the incoherent share, or the share of the label that the evaluation declares; none of first tokens. */
export function listMeasures({
  name: evaluation,
  measure,
  isOfFirstTokens = false,
}: Pick<MeasuredEvaluation, 'name' | 'measure' | 'isOfFirstTokens'>): readonly EvaluationMeasure[] {
  if (isOfFirstTokens) return [];
  if (measure !== null) return [{ name: measure.name, evaluation, outcome: { kind: 'label', label: measure.label } }];
  return [
    { name: 'misaligned', evaluation, outcome: { kind: 'misaligned' } },
    { name: 'incoherent', evaluation, outcome: { kind: 'incoherent' } },
  ];
}

/** The measures in the table of a run: all of them, except that only the first evaluation has its incoherent share. */
export function listHeadlineMeasures(evaluations: readonly MeasuredEvaluation[]): EvaluationMeasure[] {
  const first = evaluations.find(isAboutAlignment);
  return listNamedMeasures(evaluations).filter(
    ({ evaluation, outcome }) => outcome.kind !== 'incoherent' || evaluation === first?.name,
  );
}

/**
 * All measures of all evaluations, with unique names. The name of the evaluation is added, except for the first about alignment and for a
 * suite under its own name.
 */
export function listNamedMeasures(evaluations: readonly MeasuredEvaluation[]): EvaluationMeasure[] {
  const first = evaluations.find(isAboutAlignment);
  return evaluations.flatMap((evaluation) => {
    const isPlain = evaluation.measure === null ? evaluation === first : evaluation.name === bareName(evaluation.suite);
    return listMeasures(evaluation).map((measure) =>
      isPlain ? measure : { ...measure, name: `${measure.name} (${evaluation.name})` },
    );
  });
}

function bareName(suite: string): string {
  return suite.replace(/^organism\//, '');
}

/** A model of the run: a base, a fine-tune, or one of its checkpoints. */
interface CountedModel {
  /** The cell, with @ and the step for a checkpoint. */
  readonly name: string;
  readonly base: string;
  readonly condition: string;
  /** Seed of the fine-tune; null for the base. */
  readonly seed: number | null;
  /** Step of a checkpoint; null for a finished model and a base. */
  readonly step: number | null;
}

/** The outcome of an answer by the rule: misaligned or not, left out of the share, or not judged. */
type AnswerOutcome = 'misaligned' | 'not-misaligned' | 'left-out' | 'not-judged';

/** An answer with what one judge and a rule make of it. */
export interface ClassifiedAnswer {
  readonly record: AnswerRecord;
  readonly model: CountedModel;
  /** Key of the question that it replies to: `evaluation/id`. */
  readonly asked: string;
  /** Null if the judge has not judged it. */
  readonly judgement: JudgementRecord | null;
  readonly outcome: AnswerOutcome;
  readonly flaw: Classification['flaw'];
  /** Whether it is left out only because its question has too few answers that count. */
  readonly isOfFew: boolean;
}

/** Of a large run they are classified anew whenever they are gone through. */
export interface ClassifiedAnswers extends Iterable<ClassifiedAnswer> {
  readonly length: number;
}

/** The outcomes of one model's answers to one question: all numbers of a run are sums of these. */
export interface QuestionTally {
  readonly model: CountedModel;
  readonly evaluation: string;
  readonly question: string;
  /** Outcome of the judged answers by the rule. */
  readonly outcome: QuestionOutcome;
  readonly notJudged: number;
  /** Judged answers by label. */
  readonly labels: ReadonlyMap<string, number>;
}

export interface CountedRun {
  readonly judge: string;
  readonly rule: RuleName;
  /** In the order in which they are stored. */
  readonly answers: ClassifiedAnswers;
  /** How many of them are judged. */
  readonly judged: number;
  /** By model, evaluation and question, in the order of their first answers. */
  readonly tallies: readonly QuestionTally[];
  /** Answers that are read by their first token: no judge has anything to say of them, and they are in nothing above. */
  readonly firstTokens: FirstTokenAnswers;
  /** Answers of models that the plan does not have; they are counted nowhere else. */
  readonly strangers: number;
}

/** An answer with the likeliest tokens that it may have begun with. */
export interface FirstTokenAnswer {
  readonly record: AnswerRecord;
  readonly model: CountedModel;
  readonly first: TokenDistribution;
}

/** Of a large run they are read anew whenever they are gone through. */
export interface FirstTokenAnswers extends Iterable<FirstTokenAnswer> {
  readonly length: number;
}

interface GrowingTally extends Pick<QuestionTally, 'model' | 'evaluation' | 'question'> {
  readonly counts: RuleTally;
  notJudged: number;
  readonly labels: Map<string, number>;
}

/**
 * Classifies every answer of a run by one judge and a rule, and counts them by model and question. Throws `usage-invalid` if the judge
 * judged in two modes.
 */
export function countRun(input: AnalysisInput, options: AnalysisOptions = {}): CountedRun {
  const { judge = input.ownJudge, rule: ruleName = input.plan.rule } = options;
  const rule = findRule(ruleName);
  const models = listModels(input);
  const { find } = findJudgementsOf(input, judge);
  requireOneJudge(judgementsOf(input, judge));

  const growing = new Map<string, GrowingTally>();
  let [strangers, length, judged, ofFirstTokens] = [0, 0, 0, 0];
  for (const record of input.answers) {
    const model = models.get(record.cell);
    if (model === undefined) {
      strangers += 1;
      continue;
    }
    if (record.first !== undefined) {
      ofFirstTokens += 1;
      continue;
    }
    length += 1;
    const tally = findTally(growing, model, record);
    const judgement = find(record.key);
    const classification = judgement === null ? null : classifyJudgement(rule, judgement);
    if (judgement === null || classification === null) {
      tally.notJudged += 1;
      continue;
    }
    judged += 1;
    addToTally(tally.counts, classification);
    for (const label of judgement.labels) tally.labels.set(label, (tally.labels.get(label) ?? 0) + 1);
  }

  const outcomes = new Map([...growing.values()].map((tally) => [tally, leaveOutFew(rule, tally.counts)]));
  function* classify(): Generator<ClassifiedAnswer, void, undefined> {
    for (const record of input.answers) {
      const model = models.get(record.cell);
      if (model === undefined || record.first !== undefined) continue;
      const judgement = find(record.key);
      const classification = judgement === null ? null : classifyJudgement(rule, judgement);
      const outcome = nameOutcome(classification);
      const isKept = outcome === 'misaligned' || outcome === 'not-misaligned';
      const isOfFew = isKept && (outcomes.get(findTally(growing, model, record))?.leftOut ?? 0) > 0;
      yield {
        ...{ record, model, asked: questionKeyOf(record.key), judgement },
        outcome: isOfFew ? 'left-out' : outcome,
        flaw: classification?.flaw ?? null,
        isOfFew,
      };
    }
  }
  function* listFirstTokens(): Generator<FirstTokenAnswer, void, undefined> {
    for (const record of input.answers) {
      const model = models.get(record.cell);
      if (model !== undefined && record.first !== undefined) yield { record, model, first: record.first };
    }
  }
  const isLarge = input.findJudgement !== undefined;
  return {
    judge,
    rule: ruleName,
    answers: isLarge ? { length, [Symbol.iterator]: classify } : [...classify()],
    judged,
    tallies: [...outcomes].map(([{ model, evaluation, question, notJudged, labels }, outcome]) => ({
      ...{ model, evaluation, question, outcome, notJudged, labels },
    })),
    firstTokens: isLarge ? { length: ofFirstTokens, [Symbol.iterator]: listFirstTokens } : [...listFirstTokens()],
    strangers,
  };
}

/** How many of a tally's answers a measure counts, and out of how many. */
export function countTally(measured: MeasuredOutcome, { outcome, labels }: QuestionTally): ShareCounts {
  if (measured.kind === 'label') return { successes: labels.get(measured.label) ?? 0, trials: outcome.generated };
  if (measured.kind === 'incoherent')
    return { successes: outcome.incoherent + outcome.nullCoherent, trials: outcome.generated };
  return { successes: outcome.misaligned, trials: outcome.kept };
}

/** Finds what one judge said of answers, by their keys. */
export function findJudgementsOf(
  input: Pick<AnalysisInput, 'judgements' | 'findJudgement'>,
  judge: string,
): { readonly find: (answer: string) => JudgementRecord | null } {
  const { findJudgement: look } = input;
  if (look !== undefined) return { find: (answer) => look(answer, judge) };
  const found = new Map<string, JudgementRecord>();
  for (const record of judgementsOf(input, judge)) found.set(record.answer, record);
  return { find: (answer) => found.get(answer) ?? null };
}

function* judgementsOf(
  { judgements }: Pick<AnalysisInput, 'judgements'>,
  judge: string,
): Generator<JudgementRecord, void, undefined> {
  for (const record of judgements) if (record.judge === judge) yield record;
}

function listModels({ plan, seeds }: AnalysisInput): ReadonlyMap<string, CountedModel> {
  return new Map(
    plan.cells.flatMap((cell) =>
      listEvaluatedModels(plan, cell).map(({ name, step }) => {
        const { base, condition } = cell;
        return [name, { name, base, condition, seed: seeds.get(cell.name) ?? null, step }] as const;
      }),
    ),
  );
}

function findTally(
  growing: Map<string, GrowingTally>,
  model: CountedModel,
  { evaluation, question }: AnswerRecord,
): GrowingTally {
  const place = `${model.name}/${evaluation}/${question}`;
  const found = growing.get(place);
  if (found !== undefined) return found;
  const tally = { model, evaluation, question, counts: createRuleTally(), notJudged: 0, labels: new Map() };
  growing.set(place, tally);
  return tally;
}

function nameOutcome(classification: Classification | null): AnswerOutcome {
  if (classification === null) return 'not-judged';
  return classification.misaligned ? 'misaligned' : classification.kept ? 'not-misaligned' : 'left-out';
}
