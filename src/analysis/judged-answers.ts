import type { Judgement } from '../judging/judgement.js';
import { type AnswerRecord, toJudgement, type JudgementRecord } from '../runs/run-records.js';

export interface JudgedAnswer {
  readonly answer: AnswerRecord;
  readonly judgement: Judgement;
}

/** Answers with what one judge said of them; those that it has not judged are left out. */
export interface JudgedAnswers {
  /** Of one model (a cell, or a cell with @ and the step of a checkpoint) to one evaluation. */
  readonly find: (model: string, evaluation: string) => readonly JudgedAnswer[];
}

export function pairAnswers(
  answers: Iterable<AnswerRecord>,
  judgements: Iterable<JudgementRecord>,
  judge: string,
): JudgedAnswers {
  const judged = new Map<string, JudgementRecord>();
  for (const record of judgements) if (record.judge === judge) judged.set(record.answer, record);
  const places = new Map<string, JudgedAnswer[]>();
  for (const answer of answers) {
    const record = judged.get(answer.key);
    if (record === undefined) continue;
    const place = placeOf(answer.cell, answer.evaluation);
    const found = places.get(place) ?? [];
    found.push({ answer, judgement: toJudgement(record) });
    places.set(place, found);
  }
  return { find: (model, evaluation) => places.get(placeOf(model, evaluation)) ?? [] };
}

function placeOf(model: string, evaluation: string): string {
  return `${model}/${evaluation}`;
}
