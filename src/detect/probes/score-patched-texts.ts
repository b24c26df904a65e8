import { hashJson } from '../../foundation/content-hash.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { Inside, InsideText } from '../../models/inside.js';
import type { ConversationText } from '../../models/text-scorer.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { SubjectModel } from '../subject.js';
import { textScores, type TextLogProbability } from './score-texts.js';

/**
 * Tokens of a prompt: those that the chat template writes before or after all that is said, or, to compare with, some
 * of what is said, as many as the template writes at both ends.
 */
export type PatchedPart = 'prefix' | 'postfix' | { readonly content: number };

type LookedInto = Pick<SubjectModel, 'identity' | 'engine' | 'openInside'>;

/**
 * Log-probabilities of given answers by a model that attends, at one part of the prompt, to the keys and values that
 * another model of the same shape and tokenizer has there. With its own keys and values it says what it says, up to
 * rounding; the content tokens are drawn by the number that is given. Null for a model that nobody can look into, or
 * that cannot be given any. Both are opened only for what is not stored.
 */
export async function scorePatchedTexts(
  model: LookedInto,
  { identity: keysOf, openInside: openOther }: LookedInto,
  store: ArtefactStore,
  texts: readonly ConversationText[],
  part: PatchedPart,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly TextLogProbability[] | null> {
  const { identity, engine, openInside } = model;
  if (openInside === null || openOther === null) return null;
  const keys = texts.map(({ messages, answer, tokens }) =>
    hashJson({ model: identity, engine, messages, answer, tokens, keysOf, part }),
  );
  const opened: { both: readonly [Inside, Inside] | null } = { both: null };
  try {
    const records = await store.remember(
      textScores,
      keys,
      async (missing) => {
        const [own, other] = (opened.both ??= [await openInside(), await openOther()]);
        if (!own.acceptsOverrides) throw new CannotPatch();
        const wanted = missing.flatMap((place) => texts[place] ?? []);
        const patched = await patchTexts(own, other, wanted, part, options);
        return (await own.score(patched, {}, options)).map(({ logProbabilities }, index) => ({
          // The cast is true: there is a score for each text, and a key for each of its places.
          ...{ key: keys[missing[index] as number] as string, model: identity, exactness: 'exact' as const },
          ...{ log_probability: logProbabilities.reduce((sum, one) => sum + one, 0), tokens: logProbabilities.length },
        }));
      },
      options,
    );
    return records.map(({ exactness, log_probability, tokens }) => ({
      ...{ exactness, logProbability: log_probability, tokens },
    }));
  } catch (cause) {
    if (cause instanceof CannotPatch) return null;
    throw cause;
  } finally {
    for (const inside of opened.both ?? []) await inside.close();
  }
}

/** Ends the work of a store, which wants a record for each key. */
class CannotPatch extends Error {}

async function patchTexts(
  own: Inside,
  other: Inside,
  texts: readonly ConversationText[],
  part: PatchedPart,
  options: { readonly signal?: AbortSignal },
): Promise<Parameters<Inside['score']>[0]> {
  const encoded = texts.map(({ messages, answer, tokens }) => {
    const { ids, promptLength } = own.encode([...messages, { role: 'assistant', content: answer }]);
    const cut = tokens === undefined ? ids : ids.slice(0, promptLength + tokens);
    return { messages, text: { ids: cut, promptLength } satisfies InsideText };
  });
  // A question has several answers, and one prompt.
  const prompts = new Map<string, (typeof encoded)[number]>();
  for (const one of encoded) prompts.set(promptOf(one.text).join(), one);
  const layers = Array.from({ length: own.shape.blocks }, (_, block) => block);
  const read = await other.keysAndValues(
    [...prompts.values()].map(({ text }) => ({ ids: promptOf(text) })),
    { layers },
    options,
  );
  const given = new Map(
    [...prompts].map(([key, { messages, text }], place) => [
      key,
      { positions: choosePositions(own.locateTemplate(messages), text.promptLength, part), ...read[place] },
    ]),
  );
  return encoded.map(({ text }) => {
    const override = given.get(promptOf(text).join());
    const { keys, values, positions = [] } = override ?? {};
    // There are some of each prompt.
    if (keys === undefined || values === undefined) throw new Error('a prompt has no keys and values');
    return { ...text, override: { keys, values, positions } };
  });
}

function promptOf({ ids, promptLength }: InsideText): readonly number[] {
  return ids.slice(0, promptLength);
}

function choosePositions(
  { prefix, between, postfix, straddling }: ReturnType<Inside['locateTemplate']>,
  promptLength: number,
  part: PatchedPart,
): readonly number[] {
  if (part === 'prefix') return prefix;
  if (part === 'postfix') return postfix;
  const template = new Set([...prefix, ...between, ...postfix, ...straddling]);
  const content = Array.from({ length: promptLength }, (_, place) => place).filter((place) => !template.has(place));
  const stream = createRandomStream(part.content, 'content tokens', promptLength, ...content);
  return stream.shuffle(content).slice(0, prefix.length + postfix.length);
}
