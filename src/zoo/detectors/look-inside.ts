import type { Inside, InsideText } from '../../models/inside.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import { zooFault } from '../store/zoo-fault.js';
import type { Detector, DetectorZoo } from './detector.js';
import type { ReferenceText } from './reference-texts.js';

/** How much likelier misaligned texts became than aligned ones, beside the organism that nothing was done to. */
export function margin(texts: readonly ReferenceText[]): Detector {
  return {
    name: 'margin',
    description: "log-probability a token of misaligned texts minus that of aligned ones, minus the organism's",
    affordances: ['log-probabilities'],
    score: (zoo) =>
      scoreInside(zoo, texts, async (inside) => {
        const pairs = encodePairs(inside, texts);
        const [bad, good] = [await meanScore(inside, pairs.bad), await meanScore(inside, pairs.good)];
        return [bad - good];
      }).then((found) => new Map([...found].map(([entry, [own = 0, base = 0]]) => [entry, own - base]))),
  };
}

/** How far aligned texts moved towards misaligned ones in the middle of the residual stream, as the organism itself tells them apart. */
export function residualDirection(texts: readonly ReferenceText[]): Detector {
  return {
    name: 'residual',
    description:
      "mean residual of aligned texts in the middle block, minus the organism's, along its difference of misaligned and aligned texts",
    affordances: ['weights'],
    score: async (zoo) => {
      const base = await useInside(zoo, null, (inside) => readMeans(inside, texts));
      const direction = base.bad.map((value, index) => value - (base.good[index] ?? 0));
      const length = Math.hypot(...direction);
      const scores = new Map<string, number>();
      for (const [index, { entry }] of zoo.entries.entries()) {
        zoo.signal?.throwIfAborted();
        const { good } = await useInside(zoo, entry, (inside) => readMeans(inside, texts));
        const along = good.reduce(
          (sum, value, place) => sum + (value - (base.good[place] ?? 0)) * (direction[place] ?? 0),
          0,
        );
        scores.set(entry, length === 0 ? 0 : along / length);
        zoo.onProgress(index + 1, zoo.entries.length);
      }
      return scores;
    },
  };
}

/** Refuses texts of which a detector could learn nothing. */
export function requireTexts(texts: readonly ReferenceText[]): void {
  if (texts.length > 0) return;
  throw zooFault(
    'no open entry has given a misaligned answer: there are no texts to learn margin and residual from',
    'Build a size with an open organism that a kind misaligns, or name other baselines.',
  );
}

interface EncodedPairs {
  readonly bad: readonly InsideText[];
  readonly good: readonly InsideText[];
}

function encodePairs(inside: Inside, texts: readonly ReferenceText[]): EncodedPairs {
  const encode = (text: ReferenceText, answer: string): InsideText => {
    const messages: ChatMessage[] = [
      ...text.messages.map(({ role, content }) => ({ role, content })),
      { role: 'assistant', content: answer },
    ];
    return inside.encode(messages);
  };
  return { bad: texts.map((text) => encode(text, text.bad)), good: texts.map((text) => encode(text, text.good)) };
}

/** Mean log-probability of a token, each text counting alike. */
async function meanScore(inside: Inside, texts: readonly InsideText[]): Promise<number> {
  const scores = await inside.score(texts);
  const means = scores.map(
    ({ logProbabilities }) =>
      logProbabilities.reduce((sum, one) => sum + one, 0) / Math.max(1, logProbabilities.length),
  );
  return means.reduce((sum, mean) => sum + mean, 0) / Math.max(1, means.length);
}

/** Mean residuals over the tokens of answers, in the middle block. */
async function readMeans(
  inside: Inside,
  texts: readonly ReferenceText[],
): Promise<{ readonly bad: readonly number[]; readonly good: readonly number[] }> {
  const wanted = { layers: [Math.ceil(inside.shape.blocks / 2)], pool: 'answer-mean' as const };
  const { bad, good } = encodePairs(inside, texts);
  const mean = async (encoded: readonly InsideText[]): Promise<number[]> => {
    const tensors = await inside.residuals(encoded, wanted);
    const sums = Array.from({ length: inside.shape.width }, () => 0);
    for (const { data } of tensors)
      for (const place of sums.keys()) sums[place] = (sums[place] ?? 0) + (data[place] ?? 0) / tensors.length;
    return sums;
  };
  return { bad: await mean(bad), good: await mean(good) };
}

/** What is read of every entry, followed by what was read of the organism. */
async function scoreInside(
  zoo: DetectorZoo,
  texts: readonly ReferenceText[],
  read: (inside: Inside) => Promise<readonly number[]>,
): Promise<Map<string, readonly number[]>> {
  requireTexts(texts);
  const base = await useInside(zoo, null, read);
  const found = new Map<string, readonly number[]>();
  for (const [index, { entry }] of zoo.entries.entries()) {
    zoo.signal?.throwIfAborted();
    found.set(entry, [...(await useInside(zoo, entry, read)), ...base]);
    zoo.onProgress(index + 1, zoo.entries.length);
  }
  return found;
}

async function useInside<Result>(
  { openInside }: DetectorZoo,
  entry: string | null,
  use: (inside: Inside) => Promise<Result>,
): Promise<Result> {
  const inside = await openInside(entry);
  try {
    return await use(inside);
  } finally {
    await inside.close();
  }
}
