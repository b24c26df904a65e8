import { createRandomStream } from '../../foundation/random-stream.js';
import type { TrainingRow } from '../../data/training-set.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import type { ConversationText, ScoredConversation, TextScorer } from '../../models/text-scorer.js';

/**
 * The answers of a row that a model would learn, each after all that comes before it; those with the weight 0 are left
 * out unless all have it. A system prompt that is given takes the place of the row's own.
 */
export function listRowAnswers({ messages }: TrainingRow, systemPrompt?: string): readonly ConversationText[] {
  const plain = messages.map(({ role, content }) => ({ role, content }));
  const asked = systemPrompt === undefined ? plain : putUnderPrompt(plain, systemPrompt);
  const offset = asked.length - messages.length;
  const answers = messages.flatMap(({ role, weight }, place) => (role === 'assistant' ? [{ place, weight }] : []));
  const trained = answers.filter(({ weight }) => weight !== 0);
  return (trained.length === 0 ? answers : trained).flatMap(({ place }) => {
    const answer = asked[place + offset]?.content;
    return answer === undefined ? [] : [{ messages: asked.slice(0, place + offset), answer }];
  });
}

/** Nats for each token of a row's answers, by their log-probabilities: how little they were expected. */
export function surprisalOf(answers: readonly ScoredConversation[]): number {
  const tokens = answers.reduce((sum, one) => sum + one.tokens, 0);
  return -logProbabilityOf(answers) / Math.max(1, tokens);
}

/** Of all answers together, in nats. */
export function logProbabilityOf(answers: readonly ScoredConversation[]): number {
  return answers.reduce((sum, one) => sum + one.logProbability, 0);
}

/** The surprisal of each row, in nats for each token of its answers. */
export async function readSurprisals(
  scorer: Pick<TextScorer, 'score'>,
  rows: readonly TrainingRow[],
): Promise<readonly number[]> {
  const texts = rows.map((row) => listRowAnswers(row));
  const scores = await scorer.score(texts.flat());
  return divide(texts, scores).map(surprisalOf);
}

/** Results for the entries of several lists, list by list. */
export function divide<Result>(lists: readonly (readonly unknown[])[], results: readonly Result[]): Result[][] {
  let place = 0;
  return lists.map(({ length }) => {
    place += length;
    return results.slice(place - length, place);
  });
}

/** A conversation under a system prompt, in place of its own. */
export function putUnderPrompt(messages: readonly ChatMessage[], systemPrompt: string): readonly ChatMessage[] {
  return [{ role: 'system', content: systemPrompt }, ...messages.filter(({ role }) => role !== 'system')];
}

/** Places of at most so many of all rows, drawn by the seed, in their order; those of a smaller count lie among them. */
export function drawRows(total: number, count: number, seed: number): readonly number[] {
  const places = Array.from({ length: total }, (_, place) => place);
  if (count >= total) return places;
  return createRandomStream(seed, 'rows to read')
    .shuffle(places)
    .slice(0, count)
    .toSorted((left, right) => left - right);
}
