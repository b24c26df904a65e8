import { hashJson } from '../../foundation/content-hash.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { AskedQuestion } from '../plan/asked-question.js';
import type { AnswerRecord } from './answer-record.js';

/** One answer that a plan wants of one model. */
export interface WantedAnswer {
  readonly key: string;
  readonly cell: string;
  readonly evaluation: string;
  readonly variant: string;
  readonly asked: AskedQuestion;
  readonly index: number;
  readonly seed: number;
  readonly input: string;
}

export interface WantedEvaluation {
  readonly name: string;
  readonly variant: string;
  readonly questions: readonly AskedQuestion[];
}

/**
 * All answers that are wanted of a model, in the order of evaluations, questions and samples. Seeds depend on the model and on
 * what it is asked, and on no name: whatever is renamed or added beside it, an answer stays the same.
 */
export function listWantedAnswers(
  cell: string,
  modelIdentity: string,
  evaluations: readonly WantedEvaluation[],
): WantedAnswer[] {
  return evaluations.flatMap(({ name, variant, questions }) =>
    questions.flatMap((asked) => {
      const { messages, temperature, maximumTokens } = asked;
      const first = createRandomStream(0, 'answers', modelIdentity, hashJson(messages)).nextUint32();
      return Array.from({ length: asked.samples }, (_, index) => {
        const seed = first + index;
        return {
          key: `${cell}/${name}/${asked.id}/${String(index)}`,
          cell,
          evaluation: name,
          variant,
          asked,
          index,
          seed,
          input: hashJson({ model: modelIdentity, messages, temperature, maximumTokens, seed }).slice(0, 32),
        };
      });
    }),
  );
}

/** An answer as it is stored; what is taken over from an earlier run gets the names that it has in this one. */
export function recordAnswer(
  { key, cell, evaluation, variant, asked, index, seed, input }: WantedAnswer,
  { text, finish_reason, tokens }: Pick<AnswerRecord, 'text' | 'finish_reason' | 'tokens'>,
): AnswerRecord {
  const { question, paraphrase } = asked;
  return { key, cell, evaluation, question, paraphrase, variant, index, seed, input, text, finish_reason, tokens };
}
