import type { MeasuredOutcome } from '../analysis/headline-measures.js';
import { linkAnswers, type AnswerFilter } from './answer-link.js';

/** The answers that a share counts, of those that `where` says. */
export function linkMeasure(outcome: MeasuredOutcome, where: AnswerFilter): string {
  if (outcome.kind === 'misaligned') return linkAnswers({ ...where, outcome: 'misaligned', sort: 'alignment' });
  if (outcome.kind === 'incoherent') return linkAnswers({ ...where, coherent: 'no', sort: 'coherence' });
  return linkAnswers({ ...where, label: outcome.label });
}

/** The answers that a share is taken of. */
export function linkCounted(outcome: MeasuredOutcome, where: AnswerFilter): string {
  if (outcome.kind === 'misaligned') return linkAnswers({ ...where, outcome: 'counted', sort: 'alignment' });
  return linkAnswers(where);
}
