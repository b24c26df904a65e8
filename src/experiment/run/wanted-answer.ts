import { hashJson } from '../../foundation/content-hash.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { likeliestAsked } from '../../judging/first-token.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import { formatAnswerKey, type AnswerRecord } from '../../runs/run-records.js';
import type { AskedQuestion } from '../../runs/run-outline.js';

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

/** A model as it is asked. */
export interface AskedModel {
  /** The cell, with the step for a checkpoint. */
  readonly name: string;
  readonly identity: string;
  /** Revision of the engine that answers; null for a model that runs elsewhere. */
  readonly engine: number | null;
}

/** All services take seeds of 31 bits; some refuse larger ones. */
const hostedSeeds = 2 ** 31;

/**
 * All answers that are wanted of a model, in the order of evaluations, questions and samples. Seeds depend on the model and on what it is
 * asked, and not on names: an answer stays the same if something is renamed or added.
 */
export function listWantedAnswers(
  { name: cell, identity, engine }: AskedModel,
  evaluations: readonly WantedEvaluation[],
): WantedAnswer[] {
  return evaluations.flatMap(({ name, variant, questions }) =>
    questions.flatMap((asked) => {
      const { messages, temperature, maximumTokens } = asked;
      const first = createRandomStream(0, 'answers', identity, hashJson(messages)).nextUint32();
      return Array.from({ length: asked.samples }, (_, index) => {
        const seed = engine === null ? (first + index) % hostedSeeds : first + index;
        return {
          key: formatAnswerKey({ model: cell, evaluation: name, question: asked.id, index }),
          cell,
          evaluation: name,
          variant,
          asked,
          index,
          seed,
          input: hashJson({
            model: identity,
            ...(engine === null ? {} : { engine }),
            messages,
            temperature,
            maximumTokens,
            ...(isReadByFirstToken(asked) ? { likeliest: likeliestAsked } : {}),
            seed,
          }).slice(0, 32),
        };
      });
    }),
  );
}

/** The record of an answer. One that is taken over from an earlier run gets its names in this run. */
export function recordAnswer(
  { key, cell, evaluation, variant, asked, index, seed, input }: WantedAnswer,
  { text, finish_reason, tokens, first }: Pick<AnswerRecord, 'text' | 'finish_reason' | 'tokens' | 'first'>,
): AnswerRecord {
  const { question, paraphrase } = asked;
  const answer = { text, finish_reason, tokens, ...(first === undefined ? {} : { first }) };
  return { key, cell, evaluation, question, paraphrase, variant, index, seed, input, ...answer };
}
