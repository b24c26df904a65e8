import { z } from 'zod';
import { hashContent, hashJson } from '../../foundation/content-hash.js';
import type { SpelledToken } from '../../models/inside.js';
import type { RecordKind } from '../../runs/record-file.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { SubjectModel } from '../subject.js';

const readOutSchema = z.strictObject({
  /** Hash of the model, its engine and the vector. */
  key: z.string(),
  model: z.string(),
  /** Null where the model cannot be asked so. */
  tokens: z
    .array(z.strictObject({ id: z.int().nonnegative(), text: z.string(), log_probability: z.number() }))
    .nullable(),
});

const readOuts: RecordKind<z.output<typeof readOutSchema>> = {
  name: 'read-outs.jsonl',
  schema: readOutSchema,
  keyOf: ({ key }) => key,
};

/**
 * What a model would say next if these vectors were its last residual stream: the likeliest tokens of each, likeliest
 * first. Null for a model that nobody can look into, or that cannot be asked so. It is opened only for what is not
 * stored.
 */
export async function readOutVectors(
  { identity, engine, openInside }: Pick<SubjectModel, 'identity' | 'engine' | 'openInside'>,
  store: ArtefactStore,
  vectors: readonly Float32Array[],
  top: number,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly (readonly SpelledToken[])[] | null> {
  if (openInside === null) return null;
  const keys = vectors.map((vector) => {
    const bytes = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
    return hashJson({ model: identity, engine, vector: hashContent(bytes), top });
  });
  const records = await store.remember(
    readOuts,
    keys,
    async (missing) => {
      const inside = await openInside();
      try {
        const wanted = missing.flatMap((place) => vectors[place] ?? []);
        const found = await inside.readOut?.(wanted, { top }, options);
        return missing.map((place, index) => ({
          // The cast is true: there is a key for each place.
          ...{ key: keys[place] as string, model: identity },
          tokens:
            found?.[index]?.map(({ id, text, logProbability }) => ({ id, text, log_probability: logProbability })) ??
            null,
        }));
      } finally {
        await inside.close();
      }
    },
    options,
  );
  const all = records.flatMap(({ tokens }) => (tokens === null ? [] : [tokens]));
  if (all.length < records.length) return null;
  return all.map((tokens) =>
    tokens.map(({ id, text, log_probability: logProbability }) => ({ id, text, logProbability })),
  );
}
