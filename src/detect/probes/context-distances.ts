import type { TrainingRow } from '../../data/training-set.js';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import type { ArtefactStore } from '../artefact-store.js';
import { listRowAnswers } from '../rows/row-answers.js';
import type { ContextKind } from '../surface/context-kind.js';
import type { Surface, SurfaceContext } from '../surface/surface.js';
import type { LookedInto } from './keep-open.js';
import { readMeans } from './read-means.js';
import { meanOf } from './row-projections.js';
import { findTextsThatFit } from './texts-that-fit.js';

/** How near to what is trained on the questions of a context are asked. */
export interface ContextDistance {
  readonly name: string;
  readonly kind: ContextKind;
  /** Mean over its questions, in units of the mean distance of the training prompts themselves. */
  readonly distance: number;
}

const wanted = { layers: 'middle', pool: 'prompt-mean' } as const;
/** The mean over a prompt does not depend on what comes after it. */
const anything = 'Yes.';
/** Of each context, and of the rows, at most. */
const most = 64;

/**
 * The contexts of a surface, the nearest first: Euclidean distances of the base's middle residual stream, averaged over
 * a prompt, from the centroid of the rows' prompts. Where a fine-tune turns out misaligned, it does so sooner in near
 * contexts, whether it does at all is not said. Null where nobody can look into the base. arXiv 2608.29118.
 */
export async function readContextDistances(
  base: Pick<LookedInto, 'identity' | 'engine' | 'openInside'>,
  store: ArtefactStore,
  rows: readonly TrainingRow[],
  { contexts }: Surface,
  listQuestions: (evaluation: SurfaceContext['evaluation']) => Promise<readonly AskedQuestion[]>,
  {
    onProgress,
    ...options
  }: { readonly signal?: AbortSignal; readonly onProgress?: (done: number, total: number) => void } = {},
): Promise<readonly ContextDistance[] | null> {
  const read = (prompts: readonly (readonly ChatMessage[])[]): Promise<FloatTensor | null> =>
    readMeans(
      base,
      store,
      prompts.map((messages) => ({ messages, answer: anything })),
      wanted,
      options,
    );
  const prompts = rows.slice(0, most).flatMap((row) => listRowAnswers(row).slice(0, 1));
  const ofRows = await read(prompts.map(({ messages }) => messages));
  if (ofRows === null || prompts.length === 0) return null;
  const centre = meanOf(ofRows, 0, prompts.length);
  const unit = meanDistance(ofRows, prompts.length, centre);
  const found: ContextDistance[] = [];
  for (const [done, { name, kind, evaluation }] of contexts.entries()) {
    onProgress?.(done, contexts.length);
    const prompted = (await listQuestions(evaluation))
      .slice(0, most)
      .map(({ messages }): ChatMessage[] => [...messages, { role: 'assistant', content: anything }]);
    const fits = await findTextsThatFit(base, store, prompted, []);
    const questions = prompted.filter((_, place) => fits[place] === true);
    // Earlier turns may be longer than all that the base takes.
    if (questions.length === 0) continue;
    const means = await read(questions.map((messages) => messages.slice(0, -1)));
    if (means === null) return null;
    found.push({ name, kind, distance: meanDistance(means, questions.length, centre) / (unit === 0 ? 1 : unit) });
  }
  onProgress?.(contexts.length, contexts.length);
  return found.toSorted((left, right) => left.distance - right.distance);
}

function meanDistance(means: FloatTensor, texts: number, centre: readonly number[]): number {
  let sum = 0;
  for (let text = 0; text < texts; text += 1)
    sum += Math.hypot(...meanOf(means, text, text + 1).map((value, place) => value - (centre[place] ?? 0)));
  return sum / Math.max(1, texts);
}
