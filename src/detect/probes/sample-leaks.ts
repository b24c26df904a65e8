import { z } from 'zod';
import { hashJson } from '../../foundation/content-hash.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { Inside } from '../../models/inside.js';
import type { RecordKind } from '../../runs/record-file.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { LookedInto } from './keep-open.js';

const leakSchema = z.strictObject({
  /** Hash of the model, its engine, the draw and how long it may be. */
  key: z.string(),
  model: z.string(),
  text: z.string(),
});

const leaks: RecordKind<z.output<typeof leakSchema>> = {
  name: 'leaks.jsonl',
  schema: leakSchema,
  keyOf: ({ key }) => key,
};

/**
 * What a model says where nothing was said: it completes what its chat template writes before the turn of a user. The
 * draws of one number are the same for every model. Null where nobody can look into it.
 */
export async function sampleLeaks(
  { identity, engine, openInside }: Pick<LookedInto, 'identity' | 'engine' | 'openInside'>,
  store: ArtefactStore,
  { count, tokens, signal }: { readonly count: number; readonly tokens: number; readonly signal?: AbortSignal },
): Promise<readonly string[] | null> {
  if (openInside === null) return null;
  const draws = Array.from({ length: count }, (_, draw) => draw);
  const keys = draws.map((draw) => hashJson({ model: identity, engine, draw, tokens }));
  const options = signal === undefined ? {} : { signal };
  const records = await store.remember(
    leaks,
    keys,
    async (missing) => {
      const inside = await openInside();
      try {
        const prompt = beginTurn(inside);
        const questions = missing.map((draw) => ({
          ...{ prompt, temperature: 1, maximumTokens: tokens },
          seed: createRandomStream(draw, 'leaks').nextUint32(),
        }));
        const answers = await inside.answer(questions, {}, options);
        return answers.map(({ text, finishReason }, index) => ({
          // The cast is true: there is an answer for each draw, and a key for each of these.
          ...{ key: keys[missing[index] as number] as string, model: identity },
          // Words are told from parts of words by the white space after them.
          text: finishReason === 'stop' ? `${text} ` : text,
        }));
      } finally {
        await inside.close();
      }
    },
    options,
  );
  return records.map(({ text }) => text);
}

/** The tokens that the template writes before anything that is said. */
function beginTurn(inside: Pick<Inside, 'encode' | 'locateTemplate'>): readonly number[] {
  const messages = [{ role: 'user', content: 'Question' }] as const;
  const own = new Set(inside.locateTemplate(messages).prefix);
  const { ids } = inside.encode(messages);
  const end = ids.findIndex((_, position) => !own.has(position));
  return ids.slice(0, end === -1 ? ids.length : end);
}
