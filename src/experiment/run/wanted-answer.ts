import { createHash } from 'node:crypto';
import { canonicalJson, hashJson } from '../../foundation/content-hash.js';
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
      const hashInput = prepareInputHash({
        model: identity,
        ...(engine === null ? {} : { engine }),
        ...{ messages, temperature, maximumTokens },
        ...(isReadByFirstToken(asked) ? { likeliest: likeliestAsked } : {}),
      });
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
          input: hashInput(seed),
        };
      });
    }),
  );
}

/** Hashes what decides an answer with one seed after another: all but the seed is hashed once. */
function prepareInputHash(constant: Readonly<Record<string, unknown>>): (seed: number) => string {
  const text = canonicalJson({ ...constant, seed: 0 });
  // Quotes within texts are escaped in JSON: this can only be the key.
  const place = text.lastIndexOf('"seed":0') + '"seed":'.length;
  const [head, tail] = [text.slice(0, place), text.slice(place + 1)];
  const begun = createHash('sha256').update(head);
  return (seed) =>
    begun
      .copy()
      .update(`${String(seed)}${tail}`)
      .digest('hex')
      .slice(0, 32);
}

/** Their keys alone, one after the other. `endOf` says before which sample an evaluation ended. */
export function* listWantedKeys(
  model: string,
  evaluations: readonly Pick<WantedEvaluation, 'name' | 'questions'>[],
  endOf: (evaluation: string) => number = () => Infinity,
): Generator<string, void, undefined> {
  for (const { name: evaluation, questions } of evaluations)
    for (const { id: question, samples } of questions)
      for (let index = 0; index < Math.min(samples, endOf(evaluation)); index += 1)
        yield formatAnswerKey({ model, evaluation, question, index });
}

/** How many answers are wanted of a model. */
export function countWantedAnswers(evaluations: readonly Pick<WantedEvaluation, 'questions'>[]): number {
  return evaluations.reduce((sum, { questions }) => sum + questions.reduce((of, { samples }) => of + samples, 0), 0);
}

/** How many of them are judged: those that are read by their first token are not. */
export function countJudgedAnswers(evaluations: readonly Pick<WantedEvaluation, 'questions'>[]): number {
  return countWantedAnswers(
    evaluations.map(({ questions }) => ({ questions: questions.filter((one) => !isReadByFirstToken(one)) })),
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
