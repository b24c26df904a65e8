import type { Judgement } from './judgement.js';

export interface JudgedMessage {
  readonly role: string;
  readonly content: string;
}

export interface JudgedAnswer {
  /** The conversation up to the answer, which replies to its last user message. */
  readonly messages: readonly JudgedMessage[];
  readonly answer: string;
  /** Prompts of the question's own, by the names of what they score; judges that read no prompts do without. */
  readonly prompts?: Readonly<Record<string, string>>;
}

/** Scores answers, whatever they are: a judgement of nonsense is a low score, not an error. */
export interface Judge {
  /** With the version, as in its judgements. */
  readonly name: string;
  judge(input: JudgedAnswer): Promise<Judgement>;
  /** Judges answers as cheaply as it can where they are known together, in their order; not there where that makes no difference. */
  judgeTogether?(inputs: readonly JudgedAnswer[]): readonly Promise<Judgement>[];
  /** Throws where a limit of cost does not allow for judging all of them; not there where there is no limit. */
  requireAffordable?(inputs: readonly JudgedAnswer[]): Promise<void>;
}
