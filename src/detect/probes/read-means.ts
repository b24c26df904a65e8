import type { ResidualPool } from '../../engine/activations/read-residuals.js';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import { hashJson } from '../../foundation/content-hash.js';
import type { ConversationText } from '../../models/text-scorer.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { SubjectModel } from '../subject.js';

export interface WantedMeans {
  /** Layers of the residual stream; `middle` is the output of the middle block, whatever the model. */
  readonly layers: readonly number[] | 'middle';
  readonly pool: Exclude<ResidualPool, 'every'>;
}

/**
 * The residual stream of each text as one vector a layer, [texts, layers, width]; null for a model that nobody can look
 * into. It is opened only where this is not stored.
 */
export async function readMeans(
  { identity, engine, openInside }: Pick<SubjectModel, 'identity' | 'engine' | 'openInside'>,
  store: ArtefactStore,
  texts: readonly ConversationText[],
  { layers, pool }: WantedMeans,
  options: { readonly signal?: AbortSignal } = {},
): Promise<FloatTensor | null> {
  if (openInside === null) return null;
  const key = hashJson({ model: identity, engine, texts, layers, pool });
  const tensors = await store.rememberTensors('residuals', key, async () => {
    const inside = await openInside();
    try {
      const { blocks, width } = inside.shape;
      const wanted = layers === 'middle' ? [Math.ceil(blocks / 2)] : layers;
      const encoded = texts.map(({ messages, answer }) =>
        inside.encode([...messages, { role: 'assistant', content: answer }]),
      );
      const found = await inside.residuals(encoded, { layers: wanted, pool }, options);
      const size = wanted.length * width;
      const data = new Float32Array(texts.length * size);
      for (const [index, one] of found.entries()) data.set(one.data, index * size);
      return new Map([['means', { shape: [texts.length, wanted.length, width], data }]]);
    } finally {
      await inside.close();
    }
  });
  return tensors.get('means') ?? null;
}
