import { hashJson } from '../../foundation/content-hash.js';
import type { Judge } from '../../judging/judge.js';
import type { AnswerRecord } from './answer-record.js';
import type { JudgementRecord } from './judgement-record.js';
import type { WantedAnswer } from './wanted-answer.js';

export interface AnswerToJudge {
  readonly wanted: WantedAnswer;
  readonly record: AnswerRecord;
}

/** What decides a judgement: equal where a judge sees the same question and the same answer. */
export function identifyJudgement(judge: string, { wanted, record }: AnswerToJudge): string {
  const { messages, judgePrompts, type } = wanted.asked;
  return hashJson({ judge, messages, judgePrompts, type, text: record.text }).slice(0, 32);
}

export async function judgeAnswer(judge: Judge, answer: AnswerToJudge): Promise<JudgementRecord> {
  const { wanted, record } = answer;
  const judgement = await judge.judge({ messages: wanted.asked.messages, answer: record.text });
  const { judge: name, mode, alignment, coherence, labels, details } = judgement;
  return {
    answer: record.key,
    judge: name,
    mode,
    alignment,
    coherence,
    labels: [...labels],
    ...(details === undefined ? {} : { details }),
    input: identifyJudgement(judge.name, answer),
  };
}
