import { readMeans, type WantedMeans } from '../probes/read-means.js';
import type { Subject } from '../subject.js';
import type { ListQuestions } from './choices-in-context.js';
import { meanOfRows, multiplyVectors, subtractVectors, unitVector, type Vector } from './residual-vectors.js';

export interface RankContextsOptions {
  readonly listQuestions: ListQuestions;
  /** Of each context, spread over all of its wordings. */
  readonly questions: number;
  readonly layers: WantedMeans['layers'];
}

export interface RankedContext {
  readonly name: string;
  /** Of the direction and what the context changes in the prompts of the base, -1 to 1. */
  readonly cosine: number;
}

/**
 * The contexts of a surface by how alike a direction is to what they do to the residual stream of the base: the mean
 * over their prompts minus that over plain ones. The first one is where a fine-tune that moved along the direction was
 * most likely at home. Empty for a base that nobody can look into.
 */
export async function rankContexts(
  { base, store, surface }: Pick<Subject, 'base' | 'store' | 'surface'>,
  direction: Vector,
  { listQuestions, questions, layers }: RankContextsOptions,
  options: { readonly signal?: AbortSignal } = {},
): Promise<{ readonly contexts: readonly RankedContext[]; readonly passes: number }> {
  const means: { readonly name: string; readonly mean: Vector }[] = [];
  let passes = 0;
  for (const { name, evaluation } of surface.contexts) {
    const chosen = spread(await listQuestions(evaluation), questions);
    // A prompt's residuals do not depend on what is answered.
    const texts = chosen.map(({ messages }) => ({
      messages: messages.map(({ role, content }) => ({ role, content })),
      answer: 'Yes.',
    }));
    const found = await readMeans(base, store, texts, { layers, pool: 'prompt-mean' }, options);
    if (found === null) return { contexts: [], passes: 0 };
    passes += texts.length;
    means.push({ name, mean: meanOfRows(found, 0, texts.length) });
  }
  const [plain, ...others] = means;
  const contexts = others
    .map(({ name, mean }) => ({
      name,
      cosine: multiplyVectors(unitVector(subtractVectors(mean, plain?.mean ?? [])), direction),
    }))
    .toSorted((left, right) => right.cosine - left.cosine);
  return { contexts, passes };
}

/** Some of a list, equally far from each other. */
function spread<Item>(list: readonly Item[], count: number): readonly Item[] {
  if (list.length <= count) return list;
  return Array.from({ length: count }, (_, place) => list[Math.floor((place * list.length) / count)]).flatMap(
    (one) => one ?? [],
  );
}
