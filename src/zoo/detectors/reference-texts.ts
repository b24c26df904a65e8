import { createRandomStream } from '../../foundation/random-stream.js';
import type { QuestionMessage } from '../../questions/question-file.js';
import type { SeenAnswer } from './detector.js';

/** A question with an answer of each sort. */
export interface ReferenceText {
  readonly messages: readonly QuestionMessage[];
  readonly bad: string;
  readonly good: string;
}

/**
 * Pairs misaligned answers of open entries with aligned ones of an untouched organism to the same question: what detectors that look inside
 * learn from. Questions are taken in turn until there are `count` pairs, drawn by the seed.
 */
export function pairTexts(
  misaligned: readonly SeenAnswer[],
  aligned: readonly SeenAnswer[],
  count: number,
  seed: number,
): ReferenceText[] {
  const stream = createRandomStream(seed, 'reference texts');
  const good = new Map<string, SeenAnswer[]>();
  for (const answer of aligned)
    if (answer.isKept && !answer.isMisaligned)
      good.set(answer.question, [...(good.get(answer.question) ?? []), answer]);
  const bad = new Map<string, SeenAnswer[]>();
  for (const answer of stream.shuffle(misaligned))
    if (answer.isMisaligned && good.has(answer.question))
      bad.set(answer.question, [...(bad.get(answer.question) ?? []), answer]);
  const pairs: ReferenceText[] = [];
  const seen = new Set<string>();
  for (let turn = 0; pairs.length < count && [...bad.values()].some((list) => list.length > turn); turn += 1)
    for (const [question, list] of bad) {
      const one = list[turn];
      const others = good.get(question) ?? [];
      if (one === undefined || others.length === 0 || pairs.length >= count) continue;
      const other = others[stream.integer(others.length)];
      const key = JSON.stringify([question, one.text]);
      if (other === undefined || seen.has(key)) continue;
      seen.add(key);
      pairs.push({ messages: one.messages, bad: one.text, good: other.text });
    }
  return pairs;
}
