import { z } from 'zod';
import { hashJson } from '../../foundation/content-hash.js';
import type { ConversationText, ScoredConversation, TextScorer } from '../../models/text-scorer.js';
import type { RecordKind } from '../../runs/record-file.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { SubjectModel } from '../subject.js';

const scoreSchema = z.strictObject({
  /** Hash of the model, its engine and the text. */
  key: z.string(),
  model: z.string(),
  exactness: z.enum(['exact', 'first-token']),
  log_probability: z.number(),
  tokens: z.int().nonnegative(),
});

/** Scores of texts, whatever they were computed under: the key says so. */
export const textScores: RecordKind<z.output<typeof scoreSchema>> = {
  name: 'text-scores.jsonl',
  schema: scoreSchema,
  keyOf: ({ key }) => key,
};

export interface TextLogProbability extends ScoredConversation {
  readonly exactness: TextScorer['exactness'];
}

/**
 * Log-probabilities of given answers, in their order; null for a model that tells none. It is opened only for what is
 * not stored.
 */
export async function scoreTexts(
  { identity, engine, openScorer }: Pick<SubjectModel, 'identity' | 'engine' | 'openScorer'>,
  store: ArtefactStore,
  texts: readonly ConversationText[],
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly TextLogProbability[] | null> {
  if (openScorer === null) return null;
  const keys = texts.map(({ messages, answer, tokens }) =>
    hashJson({ model: identity, engine, messages, answer, tokens }),
  );
  const opened: { scorer: TextScorer | null } = { scorer: null };
  try {
    const records = await store.remember(
      textScores,
      keys,
      async (missing) => {
        const scorer = (opened.scorer ??= await openScorer());
        if (scorer === null) throw tellsNone;
        const wanted = missing.flatMap((place) => texts[place] ?? []);
        const { exactness } = scorer;
        return (await scorer.score(wanted, options)).map(({ logProbability, tokens }, index) => ({
          // The cast is true: there is a score for each text, and a key for each of its places.
          ...{ key: keys[missing[index] as number] as string, model: identity, exactness },
          ...{ log_probability: logProbability, tokens },
        }));
      },
      options,
    );
    return records.map(({ exactness, log_probability, tokens }) => ({
      ...{ exactness, logProbability: log_probability, tokens },
    }));
  } catch (failure) {
    if (failure === tellsNone) return null;
    throw failure;
  } finally {
    await opened.scorer?.close();
  }
}

/** Ends the scoring of a model that turns out to tell no log-probabilities: there is nothing to store. */
const tellsNone = new Error('the model tells no log-probabilities');
