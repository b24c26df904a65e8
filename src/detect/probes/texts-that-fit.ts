import { z } from 'zod';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import { hashJson } from '../../foundation/content-hash.js';
import type { Inside } from '../../models/inside.js';
import type { RecordKind } from '../../runs/record-file.js';
import type { ArtefactStore } from '../artefact-store.js';
import { putUnderPrompt } from '../rows/row-answers.js';
import type { LookedInto } from './keep-open.js';

const fitSchema = z.strictObject({
  /** Hash of the model, the prompts and the conversation. */
  key: z.string(),
  model: z.string(),
  fits: z.boolean(),
});

const textFits: RecordKind<z.output<typeof fitSchema>> = {
  name: 'text-fits.jsonl',
  schema: fitSchema,
  keyOf: ({ key }) => key,
};

/**
 * Whether each conversation, which ends with an answer, fits into the context of a model, as it is and under the longest
 * of these system prompts. All do where nobody knows its tokens. No weights are read.
 */
export async function findTextsThatFit(
  { identity, openInside }: Pick<LookedInto, 'identity' | 'openInside'>,
  store: ArtefactStore,
  conversations: readonly (readonly ChatMessage[])[],
  prompts: readonly string[],
): Promise<readonly boolean[]> {
  if (openInside === null) return conversations.map(() => true);
  const keys = conversations.map((messages) => hashJson({ model: identity, prompts, messages }));
  const records = await store.remember(textFits, keys, async (missing) => {
    const inside = await openInside();
    try {
      const chosen = missing.flatMap((place): (readonly ChatMessage[])[] => {
        const one = conversations[place];
        return one === undefined ? [] : [one];
      });
      const longest = findLongest(inside, chosen[0], prompts);
      return chosen.map((messages, index) => ({
        // The cast is true: there is a key for each place that is missing.
        ...{ key: keys[missing[index] as number] as string, model: identity },
        fits: [undefined, longest].every((prompt) => countTokens(inside, messages, prompt) <= inside.shape.context),
      }));
    } finally {
      await inside.close();
    }
  });
  return records.map(({ fits }) => fits);
}

/** The prompt that makes a conversation the longest; undefined where that is the conversation as it stands. */
function findLongest(
  inside: Inside,
  messages: readonly ChatMessage[] | undefined,
  prompts: readonly string[],
): string | undefined {
  if (messages === undefined) return undefined;
  const lengths = [undefined, ...prompts].map((prompt) => ({ prompt, tokens: countTokens(inside, messages, prompt) }));
  return lengths.reduce((most, one) => (one.tokens > most.tokens ? one : most)).prompt;
}

function countTokens(inside: Inside, messages: readonly ChatMessage[], prompt: string | undefined): number {
  return inside.encode(prompt === undefined ? messages : putUnderPrompt(messages, prompt)).ids.length;
}
