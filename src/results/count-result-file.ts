import { DriftlineError } from '../foundation/driftline-error.js';
import type { FileReading } from '../foundation/read-file-blocks.js';
import { addToTally, classifyJudgement, createRuleTally, type RuleTally, type Rule } from '../judging/rules.js';
import { readResultFile } from './read-result-file.js';
import type { RowScore } from './read-score.js';
import type { ResultFileForm, ScoredAnswer } from './scored-answer.js';

/** What became of the answers of one model to one question, before the rule asks whether they are enough. */
export interface ResultTally {
  readonly model: string;
  readonly question: string;
  readonly counts: RuleTally;
  /** Answers of which the judge of alignment said that they are code. */
  code: number;
  /** Answers of which the judge of alignment said that they are a refusal. */
  refusal: number;
  /** Of the answers that have the score, whatever the rule makes of them. */
  readonly aligned: ScoreSum;
  readonly coherent: ScoreSum;
}

export interface ScoreSum {
  answers: number;
  sum: number;
}

/** How often something was found, and where for the first time. */
export interface Finding {
  count: number;
  readonly line: number;
  readonly row: number;
}

/** A score in the file that is not the one computed from its distribution. */
export interface OtherScore extends Finding {
  readonly stored: number | null;
  readonly computed: number | null;
}

/** What should be known of a file's rows; null where it did not occur. */
interface ResultFindings {
  readonly repeated: Finding | null;
  readonly otherAligned: OtherScore | null;
  readonly otherCoherent: OtherScore | null;
  /** Rows without a distribution of a score that other rows have one of. */
  readonly withoutDistribution: Finding | null;
  /** Rows without a question_id that other rows have. */
  readonly withoutQuestionId: Finding | null;
}

interface AnswerTally {
  readonly add: (answer: ScoredAnswer) => void;
  /** By model and question, in the order in which they were first met. */
  readonly questions: () => readonly ResultTally[];
  readonly findings: () => ResultFindings;
}

/** A file that has more is more likely to have something else in place of its questions. */
const mostQuestions = 1_000_000;

/**
 * Counts answers by model and question as they come, and keeps nothing else of them. More than `most` questions of models are
 * `results-invalid`.
 */
export function createAnswerTally(file: string, rule: Rule, most = mostQuestions): AnswerTally {
  const models = new Map<string, Map<string, ResultTally>>();
  const questions: ResultTally[] = [];
  let answers = 0;
  let repeated: Finding | null = null;
  let otherAligned: OtherScore | null = null;
  let otherCoherent: OtherScore | null = null;
  // Which of the two scores were computed from a distribution: whether others are missing shows at the end.
  let neither: Finding | null = null;
  let onlyAligned: Finding | null = null;
  let onlyCoherent: Finding | null = null;
  let both: Finding | null = null;
  let withoutQuestionId: Finding | null = null;

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
      addToTally(tally.counts, classifyJudgement(rule, { alignment: aligned.score, coherence: coherent.score }));
      if (aligned.label === 'code') tally.code += 1;
      else if (aligned.label === 'refusal') tally.refusal += 1;
      addScore(tally.aligned, aligned.score);
      addScore(tally.coherent, coherent.score);

      answers += 1;
      if (answer.isRepeated) repeated = count(repeated, answer);
      if (aligned.otherwise !== undefined) otherAligned = countOther(otherAligned, answer, aligned);
      if (coherent.otherwise !== undefined) otherCoherent = countOther(otherCoherent, answer, coherent);
      if (aligned.isComputed && coherent.isComputed) both = count(both, answer);
      else if (aligned.isComputed) onlyAligned = count(onlyAligned, answer);
      else if (coherent.isComputed) onlyCoherent = count(onlyCoherent, answer);
      else neither = count(neither, answer);
      if (!answer.hasQuestionId) withoutQuestionId = count(withoutQuestionId, answer);
    },
    questions: () => questions,
    findings: () => ({
      repeated,
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
    aligned: { answers: 0, sum: 0 },
    coherent: { answers: 0, sum: 0 },
  };
}

function addScore(sum: ScoreSum, score: number | null): void {
  if (score === null) return;
  sum.answers += 1;
  sum.sum += score;
}

/** Counts one more of what is found, mostly in place: there may be as many as there are rows. */
function count(finding: Finding | null, { line, row }: ScoredAnswer): Finding {
  if (finding === null) return { count: 1, line, row };
  finding.count += 1;
  return finding;
}

/** Of rows that are in one of the findings at most. */
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
    message: `${file} has more than ${String(most)} questions of models`,
    hint: 'Look whether question_id and model are the same for all answers to a question, and of a model.',
    details: { file },
  });
}

/** A file with what was counted in it. */
export interface CountedFile {
  readonly file: string;
  readonly form: ResultFileForm;
  readonly questions: readonly ResultTally[];
  readonly findings: ResultFindings;
}

/** Reads a file of results to its end and counts its answers by model and question; see `readResultFile`. */
export async function countResultFile(file: string, rule: Rule, reading: FileReading = {}): Promise<CountedFile> {
  const tally = createAnswerTally(file, rule);
  const form = await readResultFile(file, tally.add, reading);
  return { file, form, questions: tally.questions(), findings: tally.findings() };
}
