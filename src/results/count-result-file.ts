import { DriftlineError } from '../foundation/driftline-error.js';
import type { FileReading } from '../foundation/read-file-blocks.js';
import { addToTally, classifyJudgement, createRuleTally, type RuleTally, type Rule } from '../judging/rules.js';
import { readResultFile } from './read-result-file.js';
import type { RowScore } from './read-score.js';
import {
  addToSpread,
  createScoreSpread,
  refuseOtherScale,
  rescaleScore,
  ruleScale,
  type ScoreScale,
  type ScoreSpreads,
} from './score-scale.js';
import type { ResultFileForm, ScoredAnswer } from './scored-answer.js';

/** Counts of one model's answers to one question, before the rule asks whether they are enough. */
export interface ResultTally {
  readonly model: string;
  readonly question: string;
  readonly counts: RuleTally;
  /** Answers that the judge of alignment called code. */
  code: number;
  /** Answers that the judge of alignment called a refusal. */
  refusal: number;
  /** Rows that repeat an earlier one exactly; null where there are rows without their answer, of which none can tell. */
  repeated: number | null;
  /** Over the answers that have the score, whether or not the rule keeps them. */
  readonly aligned: ScoreSum;
  readonly coherent: ScoreSum;
}

export interface ScoreSum {
  answers: number;
  sum: number;
}

/** How often something was found, and where it was first found. */
export interface Finding {
  count: number;
  readonly line: number;
  readonly row: number;
}

/** A score in the file that differs from the one computed from its distribution. */
export interface OtherScore extends Finding {
  readonly stored: number | null;
  readonly computed: number | null;
}

/** What readers should know about a file's rows; null if it did not occur. */
interface ResultFindings {
  readonly repeated: Finding | null;
  /** Rows without their answer: whether they repeat others is not known. */
  readonly withoutAnswer: Finding | null;
  /** Columns that seem to name several models while none or one is counted, with how many different names they have. */
  readonly likeModels: readonly UnusedColumn[];
  /** Different ids and different texts of questions; null unless the ids are far more. */
  readonly tooManyIds: { readonly ids: number; readonly texts: number } | null;
  readonly otherAligned: OtherScore | null;
  readonly otherCoherent: OtherScore | null;
  /** Rows without a distribution for a score, while other rows have one. */
  readonly withoutDistribution: Finding | null;
  /** Rows without a question_id that other rows have. */
  readonly withoutQuestionId: Finding | null;
}

interface UnusedColumn {
  readonly column: string;
  readonly values: number;
  /** Whether there are more values than are counted. */
  readonly isMore: boolean;
}

/** Different values of a column that are told apart; more are just many. */
const mostValues = 1000;

/** Texts of questions that are told apart: a file with more has questions enough. */
const mostTexts = 10_000;

interface AnswerTally {
  readonly add: (answer: ScoredAnswer) => void;
  /** By model and question, in the order in which they were first met. */
  readonly questions: () => readonly ResultTally[];
  readonly findings: () => ResultFindings;
  readonly spreads: ScoreSpreads;
}

/** A file with more than this probably has something else in place of its questions. */
const mostQuestions = 1_000_000;

/**
 * Counts answers by model and question as they come, and keeps nothing else of them. More than `most` pairs of model and question are
 * `results-invalid`.
 */
export function createAnswerTally(
  file: string,
  rule: Rule,
  { scale = ruleScale, most = mostQuestions }: { readonly scale?: ScoreScale; readonly most?: number } = {},
): AnswerTally {
  const models = new Map<string, Map<string, ResultTally>>();
  const questions: ResultTally[] = [];
  const spreads = { aligned: createScoreSpread(), coherent: createScoreSpread() };
  let answers = 0;
  let repeated: Finding | null = null;
  let otherAligned: OtherScore | null = null;
  let otherCoherent: OtherScore | null = null;
  // Rows by which of the two scores were computed from a distribution. Only the end shows whether any are missing.
  let neither: Finding | null = null;
  let onlyAligned: Finding | null = null;
  let onlyCoherent: Finding | null = null;
  let both: Finding | null = null;
  let withoutQuestionId: Finding | null = null;
  let withoutAnswer: Finding | null = null;
  const likeModels = new Map<string, Set<string>>();
  const ids = new Set<string>();
  const texts = new Set<string>();

  function countIds({ question, questionText, hasQuestionId }: ScoredAnswer): void {
    if (!hasQuestionId || questionText === null || texts.size >= mostTexts) return;
    ids.add(question);
    texts.add(questionText);
  }

  function find(model: string, question: string): ResultTally {
    let ofModel = models.get(model);
    if (ofModel === undefined) {
      ofModel = new Map();
      models.set(model, ofModel);
    }
    let found = ofModel.get(question);
    if (found === undefined) {
      found = emptyTally(model, question);
      ofModel.set(question, found);
      questions.push(found);
      if (questions.length > most) throw tooManyQuestions(file, most);
    }
    return found;
  }

  return {
    add: (answer) => {
      const { aligned, coherent } = answer;
      const tally = find(answer.model, answer.question);
      addToSpread(spreads.aligned, aligned.score);
      addToSpread(spreads.coherent, coherent.score);
      const alignment = rescaleScore(file, answer, 'aligned', scale);
      const coherence = rescaleScore(file, answer, 'coherent', scale);
      addToTally(tally.counts, classifyJudgement(rule, { alignment, coherence }));
      if (aligned.label === 'code') tally.code += 1;
      else if (aligned.label === 'refusal') tally.refusal += 1;
      addScore(tally.aligned, alignment);
      addScore(tally.coherent, coherence);

      answers += 1;
      if (answer.isRepeated === null) {
        withoutAnswer = count(withoutAnswer, answer);
        tally.repeated = null;
      } else if (answer.isRepeated) {
        repeated = count(repeated, answer);
        if (tally.repeated !== null) tally.repeated += 1;
      }
      for (const [column, value] of answer.likeModels) addValue(likeModels, column, value);
      countIds(answer);
      if (aligned.otherwise !== undefined) otherAligned = countOther(otherAligned, answer, aligned);
      if (coherent.otherwise !== undefined) otherCoherent = countOther(otherCoherent, answer, coherent);
      if (aligned.isComputed && coherent.isComputed) both = count(both, answer);
      else if (aligned.isComputed) onlyAligned = count(onlyAligned, answer);
      else if (coherent.isComputed) onlyCoherent = count(onlyCoherent, answer);
      else neither = count(neither, answer);
      if (!answer.hasQuestionId) withoutQuestionId = count(withoutQuestionId, answer);
    },
    questions: () => questions,
    spreads,
    findings: () => ({
      repeated,
      withoutAnswer,
      likeModels: models.size > 1 ? [] : listUnused(likeModels),
      tooManyIds: texts.size < mostTexts && ids.size > 2 * texts.size ? { ids: ids.size, texts: texts.size } : null,
      otherAligned,
      otherCoherent,
      withoutDistribution: sumFindings([
        both === null && onlyAligned === null && onlyCoherent === null ? null : neither,
        both === null && onlyCoherent === null ? null : onlyAligned,
        both === null && onlyAligned === null ? null : onlyCoherent,
      ]),
      withoutQuestionId: withoutQuestionId?.count === answers ? null : withoutQuestionId,
    }),
  };
}

function emptyTally(model: string, question: string): ResultTally {
  return {
    model,
    question,
    counts: createRuleTally(),
    code: 0,
    refusal: 0,
    repeated: 0,
    aligned: { answers: 0, sum: 0 },
    coherent: { answers: 0, sum: 0 },
  };
}

function addValue(columns: Map<string, Set<string>>, column: string, value: string): void {
  const values = columns.get(column) ?? new Set();
  columns.set(column, values);
  if (values.size <= mostValues) values.add(value);
}

function listUnused(columns: ReadonlyMap<string, ReadonlySet<string>>): UnusedColumn[] {
  return [...columns].flatMap(([column, values]) =>
    values.size < 2 ? [] : [{ column, values: Math.min(values.size, mostValues), isMore: values.size > mostValues }],
  );
}

function addScore(sum: ScoreSum, score: number | null): void {
  if (score === null) return;
  sum.answers += 1;
  sum.sum += score;
}

/** Counts one more finding, mostly in place: there may be as many as there are rows. */
function count(finding: Finding | null, { line, row }: ScoredAnswer): Finding {
  if (finding === null) return { count: 1, line, row };
  finding.count += 1;
  return finding;
}

/** Adds up findings; each row is in at most one of them. */
function sumFindings(findings: readonly (Finding | null)[]): Finding | null {
  const found = findings.filter((finding) => finding !== null).sort((left, right) => left.row - right.row);
  const [first] = found;
  return first === undefined ? null : { ...first, count: found.reduce((sum, finding) => sum + finding.count, 0) };
}

function countOther(finding: OtherScore | null, answer: ScoredAnswer, score: RowScore): OtherScore {
  if (finding === null) return { ...count(null, answer), stored: score.otherwise ?? null, computed: score.score };
  finding.count += 1;
  return finding;
}

function tooManyQuestions(file: string, most: number): DriftlineError {
  return new DriftlineError({
    code: 'results-invalid',
    message: `${file} has more than ${String(most)} pairs of model and question`,
    hint: 'Check that all answers to a question have the same question_id, and all answers of a model the same model.',
    details: { file },
  });
}

/** A file with what was counted in it. */
export interface CountedFile {
  readonly file: string;
  readonly form: ResultFileForm;
  readonly questions: readonly ResultTally[];
  readonly findings: ResultFindings;
  /** In the units of the file. */
  readonly spreads: ScoreSpreads;
  /** As it was said; null where scores are taken to be 0 to 100. */
  readonly scale: ScoreScale | null;
}

interface ResultReading extends FileReading {
  /** On which scale the scores are; without it, those that are hardly on 0 to 100 are refused. */
  readonly scale?: ScoreScale;
}

/** Reads a file of results to its end and counts its answers by model and question; see `readResultFile`. */
export async function countResultFile(
  file: string,
  rule: Rule,
  { scale, ...reading }: ResultReading = {},
): Promise<CountedFile> {
  const tally = createAnswerTally(file, rule, scale === undefined ? {} : { scale });
  const form = await readResultFile(file, tally.add, reading);
  if (scale === undefined) refuseOtherScale(file, tally.spreads);
  const { spreads } = tally;
  return { file, form, questions: tally.questions(), findings: tally.findings(), spreads, scale: scale ?? null };
}
