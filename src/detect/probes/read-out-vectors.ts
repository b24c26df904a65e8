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
  tokens: z.array(z.strictObject({ id: z.int().nonnegative(), text: z.string(), log_probability: z.number() })),
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
  try {
    const records = await store.remember(
      readOuts,
      keys,
      async (missing) => {
        const inside = await openInside();
        try {
          if (inside.readOut === null) throw new CannotReadOut();
          const wanted = missing.flatMap((place) => vectors[place] ?? []);
          const found = await inside.readOut(wanted, { top }, options);
          return found.map((tokens, index) => ({
            // The cast is true: there are tokens for each vector, and a key for each of its places.
            ...{ key: keys[missing[index] as number] as string, model: identity },
            tokens: tokens.map(({ id, text, logProbability }) => ({ id, text, log_probability: logProbability })),
          }));
        } finally {
          await inside.close();
        }
      },
      options,
    );
    return records.map(({ tokens }) =>
      tokens.map(({ id, text, log_probability: logProbability }) => ({ id, text, logProbability })),
    );
  } catch (cause) {
    if (cause instanceof CannotReadOut) return null;
    throw cause;
  }
}

/** Ends the work of a store, which wants a record for each key. */
class CannotReadOut extends Error {}
