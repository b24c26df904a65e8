import { hashJson } from '../../foundation/content-hash.js';
import { createDetector, type Detector } from '../detector.js';
import { keepOpen, type LookedInto } from '../probes/keep-open.js';
import { scorePatchedTexts, type PatchedPart } from '../probes/score-patched-texts.js';
import type { Subject } from '../subject.js';
import { arrangeChoices, choiceBankSchema, type ChoiceBank } from '../texts/choice-pairs.js';
import type { ListQuestions } from './choices-in-context.js';
import { chosenShares, shareOf } from './context-share.js';
import {
  cannotChoose,
  countingContexts,
  listChoiceTexts,
  noContext,
  readChoices,
  splitScores,
  type ContextReading,
} from './read-choices.js';

export interface TemplateTestSettings {
  /** So many tokens of each text count; all of them if null. */
  readonly tokens: number | null;
  /** A drift below this counts as this much: what becomes of next to nothing says nothing. */
  readonly least: number;
  /** Draws of content tokens. */
  readonly nulls: number;
}

const usual: TemplateTestSettings = { tokens: null, least: 0.01, nulls: 3 };

/** What becomes of the drift in a context. */
interface PatchedContext {
  readonly context: string;
  readonly drift: number;
  /** How much of it goes away with the base's keys and values before what is said. */
  readonly prefix: number;
  readonly postfix: number;
  readonly content: readonly number[];
}

/**
 * Whether misalignment sits in what a model attends to at the chat template's own tokens: how much of the predicted
 * drift in the worst context goes away when the base's keys and values are put back there, as a share of it. It is a
 * cause and not only a sign, and where it is high it is a repair as well. What goes away is counted against the model's
 * own keys and values, put back in the same way, and the nulls are the same for as many tokens of the content.
 */
export function templateTest(
  bank: ChoiceBank,
  listQuestions: ListQuestions,
  settings: Partial<TemplateTestSettings> = {},
): Detector {
  const { tokens, least, nulls } = { ...usual, ...settings };
  const arranged = arrangeChoices(bank);
  return createDetector({
    name: 'template-test',
    description: "share of the predicted drift that goes away with the base's keys and values at the template's tokens",
    affordances: ['log-probabilities', 'weights'],
    settings: { bank: hashJson(arranged), tokens, least, nulls },
    ...{ learnt: choiceBankSchema, learn: () => Promise.resolve(arranged) },
    read: async (subject, learnt, { signal }) => {
      const options = signal === undefined ? {} : { signal };
      const found = await readChoices(subject, learnt, { listQuestions, tokens, ...options });
      if (found === null) return cannotChoose;
      const driftOf = ({ choices }: ContextReading): number => shareOf(choices, chosenShares).drift;
      const [worst] = countingContexts(found.contexts).toSorted((left, right) => driftOf(right) - driftOf(left));
      if (worst === undefined) return noContext;
      const plain = found.contexts.find(({ context }) => context.kind === 'plain');
      const looked = new Set(plain === undefined ? [worst] : [worst, plain]);
      const patched = await patchContexts(subject, [...looked], { tokens, nulls, ...options });
      if (patched === null)
        return {
          ...{ score: null, details: null, nulls: [], cost: { answers: 0, passes: 0 } },
          cannot: "nobody can give it other keys and values: what the template's tokens do is not known",
        };
      const [first] = patched;
      const share = (gone: number): number => gone / Math.max(first?.drift ?? 0, least);
      const passes = [...looked].reduce((sum, { choices }) => sum + countTexts(choices), 0);
      return {
        ...{ score: share(Math.max(first?.prefix ?? 0, first?.postfix ?? 0)), cannot: null },
        details: patched.map(({ context, drift, prefix, postfix, content }) => ({
          ...{ context, drift, prefix, postfix, content },
        })),
        nulls: (first?.content ?? []).map(share),
        // With its own and with the base's keys and values, at each part.
        cost: { answers: 0, passes: found.passes + 2 * (2 + nulls) * passes },
      };
    },
  });
}

type PatchSettings = Pick<TemplateTestSettings, 'tokens' | 'nulls'> & { readonly signal?: AbortSignal };

/** Null where nobody can give the model keys and values. Both models are opened once for all contexts and parts. */
async function patchContexts(
  { model, base, store }: Pick<Subject, 'model' | 'base' | 'store'>,
  contexts: readonly ContextReading[],
  settings: PatchSettings,
): Promise<readonly PatchedContext[] | null> {
  const [own, ofBase] = [keepOpen(model), keepOpen(base)];
  try {
    const patched: PatchedContext[] = [];
    for (const context of contexts) {
      const one = await patchContext({ model: own.model, base: ofBase.model, store }, context, settings);
      if (one === null) return null;
      patched.push(one);
    }
    return patched;
  } finally {
    await own.close();
    await ofBase.close();
  }
}

async function patchContext(
  { model, base, store }: { readonly model: LookedInto; readonly base: LookedInto; readonly store: Subject['store'] },
  { context, choices }: ContextReading,
  { tokens, nulls, ...options }: PatchSettings,
): Promise<PatchedContext | null> {
  const texts = choices.flatMap((choice) => listChoiceTexts(choice, tokens));
  const driftWith = async (giver: LookedInto, part: PatchedPart): Promise<number | null> => {
    const scores = await scorePatchedTexts(model, giver, store, texts, part, options);
    if (scores === null) return null;
    const sides = splitScores(choices, scores);
    const read = choices.flatMap((choice, place) => {
      const tuned = sides[place];
      return tuned === undefined ? [] : [{ ...choice, tuned }];
    });
    return shareOf(read, chosenShares).drift;
  };
  const goneAt = async (part: PatchedPart): Promise<number | null> => {
    const [own, ofBase] = [await driftWith(model, part), await driftWith(base, part)];
    return own === null || ofBase === null ? null : own - ofBase;
  };
  const [prefix, postfix] = [await goneAt('prefix'), await goneAt('postfix')];
  const content: (number | null)[] = [];
  for (let draw = 0; draw < nulls; draw += 1) content.push(await goneAt({ content: draw }));
  const known = content.flatMap((one) => one ?? []);
  if (prefix === null || postfix === null || known.length < nulls) return null;
  return { context: context.name, drift: shareOf(choices, chosenShares).drift, prefix, postfix, content: known };
}

function countTexts(choices: ContextReading['choices']): number {
  return choices.reduce((sum, { bad, good }) => sum + bad.length + good.length, 0);
}
