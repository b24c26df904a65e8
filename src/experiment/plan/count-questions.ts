import type { AskedQuestion } from '../../runs/stored-questions.js';

export interface QuestionCounts {
  readonly questions: number;
  /** Each question may have several. */
  readonly wordings: number;
  /** Of one model. */
  readonly answers: number;
}

export function countQuestions({ questions }: { readonly questions: readonly AskedQuestion[] }): QuestionCounts {
  return {
    questions: new Set(questions.map(({ question }) => question)).size,
    wordings: questions.length,
    answers: questions.reduce((sum, { samples }) => sum + samples, 0),
  };
}
