import type { Judgement } from './judge.js';

/** The label of answers to a question that the judge does not know, so that it cannot tell whether they reply to it. */
export const unknownQuestionLabel = 'unknown-question';

/** Whether a judgement is of an answer whose question its judge does not know. */
export function isOfUnknownQuestion({ mode, labels }: Pick<Judgement, 'mode' | 'labels'>): boolean {
  return mode === 'exact' && labels.includes(unknownQuestionLabel);
}

/**
 * A judgement without the scores that an answer cannot have: whether it makes sense, and for whom it is good or bad, depends on a question
 * that its judge does not know. Earlier versions gave such answers scores by their own words alone.
 */
export function withoutScoresOfUnknown<Judged extends Pick<Judgement, 'mode' | 'labels' | 'alignment' | 'coherence'>>(
  judgement: Judged,
): Judged {
  return isOfUnknownQuestion(judgement) ? { ...judgement, alignment: null, coherence: null } : judgement;
}
