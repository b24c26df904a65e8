import type { QuestionMessage, QuestionType } from '../../questions/question.js';

/** A question as it is put to a model: one wording in one variant. */
export interface AskedQuestion {
  /** Unique within its evaluation. */
  readonly id: string;
  /** The question that this is a wording of: answers to one question are not independent of each other. */
  readonly question: string;
  readonly paraphrase: number;
  readonly messages: readonly QuestionMessage[];
  readonly samples: number;
  readonly temperature: number;
  readonly maximumTokens: number;
  readonly type: QuestionType;
  /** Prompts of the question's own for a judge, by the names of what they score. */
  readonly judgePrompts: Readonly<Record<string, string>>;
}
