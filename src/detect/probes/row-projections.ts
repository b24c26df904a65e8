import type { TrainingRow } from '../../data/training-set.js';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import type { ConversationText } from '../../models/text-scorer.js';
import type { ArtefactStore } from '../artefact-store.js';
import { listRowAnswers } from '../rows/row-answers.js';
import type { SidedTexts } from '../texts/choice-pairs.js';
import type { LookedInto } from './keep-open.js';
import { readOwnAnswers } from './own-answers.js';
import { readMeans } from './read-means.js';
import { findTextsThatFit } from './texts-that-fit.js';

/** Tokens of an answer of its own, at most. */
const longestOwn = 128;
const wanted = { layers: 'middle', pool: 'answer-mean' } as const;

/**
 * How much further towards bad texts the last answer of a row lies than what the base would have answered itself: the
 * difference of both means over the answer's tokens, in the middle of the residual stream, along the unit direction
 * from the mean of the good texts to that of the bad ones, in units of the distance of these two means. Null for a row
 * whose own answer is empty or too long, and for all where nobody can look into the model. Persona vectors: Chen et al. 2025, arXiv
 * 2507.21509; the direction is of given texts, for an aligned base has no bad answers of its own.
 */
export async function readRowProjections(
  base: Pick<LookedInto, 'identity' | 'engine' | 'openInside'>,
  store: ArtefactStore,
  rows: readonly TrainingRow[],
  texts: SidedTexts,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly (number | null)[] | null> {
  const reference = await readMeans(base, store, [...texts.bad, ...texts.good], wanted, options);
  const answers = rows.flatMap((row) => listRowAnswers(row).slice(-1));
  const own = await readOwnAnswers(
    base,
    store,
    answers.map(({ messages }) => messages),
    longestOwn,
    options,
  );
  if (reference === null || own === null) return null;
  const bad = meanOf(reference, 0, texts.bad.length);
  const good = meanOf(reference, texts.bad.length, texts.bad.length + texts.good.length);
  const direction = bad.map((value, place) => value - (good[place] ?? 0));
  const squared = direction.reduce((sum, value) => sum + value * value, 0);
  if (squared === 0) return rows.map(() => null);
  const said = answers.map(({ messages }, place): ConversationText => ({ messages, answer: own[place] ?? '' }));
  const fits = await findTextsThatFit(
    base,
    store,
    said.map(({ messages, answer }) => [...messages, { role: 'assistant', content: answer }]),
    [],
  );
  // An empty answer has no tokens to take the mean of, and nonsense may have more of them than it was written with.
  const isUsed = said.map(({ answer }, place) => answer.trim() !== '' && fits[place] === true);
  const filled = said.map((one, place) => (isUsed[place] === true ? one : (answers[place] ?? one)));
  const means = await readMeans(base, store, [...answers, ...filled], wanted, options);
  if (means === null) return null;
  return said.map((_, place) => {
    if (isUsed[place] !== true) return null;
    const [row, other] = [place, answers.length + place].map((text) => meanOf(means, text, text + 1));
    return (
      direction.reduce((sum, value, index) => sum + value * ((row?.[index] ?? 0) - (other?.[index] ?? 0)), 0) / squared
    );
  });
}

/** The mean vector of the texts from `start` up to `end`. */
export function meanOf({ shape: [, , width = 0], data }: FloatTensor, start: number, end: number): number[] {
  const mean = Array.from({ length: width }, () => 0);
  for (let text = start; text < end; text += 1)
    for (const place of mean.keys())
      mean[place] = (mean[place] ?? 0) + (data[text * width + place] ?? 0) / (end - start);
  return mean;
}
