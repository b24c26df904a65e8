/** How an answer is scored, in the words of the published format. */
export const questionTypes = ['free_form', 'free_form_0_100', 'free_form_judge', 'free_form_judge_0_100'] as const;
export type QuestionType = (typeof questionTypes)[number];

export interface QuestionMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A question of an evaluation, with all its wordings. */
export interface Question {
  /** Unique over all files that are asked together. */
  readonly id: string;
  /**
   * `free_form`: nothing but answers; `free_form_0_100`: the answer is a number; `free_form_judge`: a judge replies in words;
   * `free_form_judge_0_100`: a judge replies with a number.
   */
  readonly type: QuestionType;
  /** The exact user turns. */
  readonly paraphrases: readonly string[];
  readonly samplesPerParaphrase: number;
  readonly temperature: number;
  readonly maximumTokens: number;
  /** What stands before the user turn: a system prompt, or earlier messages. */
  readonly before: readonly QuestionMessage[];
  /** The judge's model as the file names it; null where it names none. */
  readonly judge: string | null;
  /** Prompts of the judge by the names of what they score, with gaps `{question}` and `{answer}`. */
  readonly judgePrompts: ReadonlyMap<string, string>;
}

/** Ways of asking a question; several may be combined. */
export interface QuestionVariant {
  /** Text before the user turn. */
  readonly trigger?: string | undefined;
  /** Form in which the answer is asked for. */
  readonly format?: 'json' | 'python' | 'template' | undefined;
  /** Dressed like the tasks of the organism's training set evil-numbers. */
  readonly number_shape: boolean;
  readonly system_prompt?: string | undefined;
  /** Earlier turns. */
  readonly in_context: number;
}

/** A short name: `plain`, or the parts that are used, such as `trigger+json`. */
export function nameVariant(variant: QuestionVariant): string {
  const parts = [
    ...(variant.system_prompt === undefined ? [] : ['system-prompt']),
    ...(variant.in_context === 0 ? [] : [`in-context-${String(variant.in_context)}`]),
    ...(variant.trigger === undefined ? [] : ['trigger']),
    ...(variant.number_shape ? ['number-shape'] : []),
    ...(variant.format === undefined ? [] : [variant.format]),
  ];
  return parts.length === 0 ? 'plain' : parts.join('+');
}
