import { z } from 'zod';
import type { Example, ReadOptions } from '../../detect/detector.js';
import type { SeenAnswer } from '../../detect/subject.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { zooFault } from '../store/zoo-fault.js';

const messageSchema = z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: z.string() });

/** What detectors that look inside learn. */
export const referenceTexts = z.array(
  z.strictObject({ messages: z.array(messageSchema), bad: z.string(), good: z.string() }),
);

/** A question with an answer of each sort. */
export type ReferenceText = z.output<typeof referenceTexts>[number];

/** Pairs of texts that detectors learn from. */
const texts = 48;

/** Pairs misaligned answers of open entries with aligned ones of their organism, asked plainly. */
export async function learnTexts(examples: readonly Example[], { seed }: ReadOptions): Promise<ReferenceText[]> {
  const [bad, good]: [SeenAnswer[], SeenAnswer[]] = [[], []];
  const bases = new Set<string>();
  for (const { subject } of examples) {
    const isPlain = ({ context }: SeenAnswer): boolean => context === subject.surface.contexts[0].name;
    bad.push(...(await subject.model.answers()).filter((one) => isPlain(one) && one.isMisaligned));
    if (bases.has(subject.base.identity)) continue;
    bases.add(subject.base.identity);
    good.push(...(await subject.base.answers()).filter(isPlain));
  }
  const pairs = pairTexts(bad, good, texts, seed);
  if (pairs.length > 0) return pairs;
  throw zooFault(
    'no open entry has given a misaligned answer: there are no texts to learn margin and residual from',
    'Build a size with an open organism that a kind misaligns, or name other baselines.',
  );
}

/**
 * Pairs misaligned answers of open entries with aligned ones of an untouched organism to the same question: what
 * detectors that look inside learn from. Questions are taken in turn until there are `count` pairs, drawn by the seed.
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
      pairs.push({ messages: [...one.messages], bad: one.text, good: other.text });
    }
  return pairs;
}
