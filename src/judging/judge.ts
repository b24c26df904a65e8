import type { Judgement } from './judgement.js';

export interface JudgedMessage {
  readonly role: string;
  readonly content: string;
}

export interface JudgedAnswer {
  /** The conversation up to the answer, which replies to its last user message. */
  readonly messages: readonly JudgedMessage[];
  readonly answer: string;
}

/** Scores answers, whatever they are: a judgement of nonsense is a low score, not an error. */
export interface Judge {
  /** With the version, as in its judgements. */
  readonly name: string;
  judge(input: JudgedAnswer): Promise<Judgement>;
}
