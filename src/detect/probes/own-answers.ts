import { z } from 'zod';
import { hashJson } from '../../foundation/content-hash.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import type { RecordKind } from '../../runs/record-file.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { LookedInto } from './keep-open.js';

const answerSchema = z.strictObject({
  /** Hash of the model, its engine, what was asked and how long the answer may be. */
  key: z.string(),
  model: z.string(),
  text: z.string(),
});

const ownAnswers: RecordKind<z.output<typeof answerSchema>> = {
  name: 'own-answers.jsonl',
  schema: answerSchema,
  keyOf: ({ key }) => key,
};

/** What a model would answer itself: each time the likeliest token, and so the same answer each time. Null where nobody can look into it. */
export async function readOwnAnswers(
  { identity, engine, openInside }: Pick<LookedInto, 'identity' | 'engine' | 'openInside'>,
  store: ArtefactStore,
  conversations: readonly (readonly ChatMessage[])[],
  maximumTokens: number,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly string[] | null> {
  if (openInside === null) return null;
  const keys = conversations.map((messages) => hashJson({ model: identity, engine, messages, maximumTokens }));
  const records = await store.remember(
    ownAnswers,
    keys,
    async (missing) => {
      const inside = await openInside();
      try {
        const questions = missing.map((place) => {
          const { ids: prompt } = inside.encode(conversations[place] ?? []);
          // An answer may not run over the end of the context.
          const room = Math.max(1, Math.min(maximumTokens, inside.shape.context - prompt.length));
          return { prompt, seed: 0, temperature: 0, maximumTokens: room };
        });
        const answers = await inside.answer(questions, {}, options);
        return answers.map(({ text }, index) => ({
          // The cast is true: there is an answer to each question, and a key for each of its places.
          ...{ key: keys[missing[index] as number] as string, model: identity, text },
        }));
      } finally {
        await inside.close();
      }
    },
    options,
  );
  return records.map(({ text }) => text);
}
