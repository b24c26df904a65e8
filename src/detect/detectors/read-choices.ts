import type { ConversationText } from '../../models/text-scorer.js';
import type { Reading } from '../detector.js';
import { scoreTexts, type TextLogProbability } from '../probes/score-texts.js';
import type { Subject } from '../subject.js';
import type { SurfaceContext } from '../surface/surface.js';
import { arrangeChoices, type ChoiceBank } from '../texts/choice-pairs.js';
import { choicesInContext, type AskedChoice, type ListQuestions } from './choices-in-context.js';

/** What a model makes of the texts of a choice, in their order. */
export interface ChoiceSides {
  readonly bad: readonly TextLogProbability[];
  readonly good: readonly TextLogProbability[];
}

/** A choice that both models were given. */
export interface ReadChoice extends AskedChoice {
  readonly tuned: ChoiceSides;
  readonly base: ChoiceSides;
}

export interface ContextReading {
  readonly context: SurfaceContext;
  readonly choices: readonly ReadChoice[];
}

export interface ChoiceReadings {
  /** Contexts that ask questions of the bank; there may be none. */
  readonly contexts: readonly ContextReading[];
  /** Names of those that ask none. */
  readonly leftOut: readonly string[];
  readonly exactness: TextLogProbability['exactness'];
  /** Texts that both models together went through. */
  readonly passes: number;
}

export interface ReadChoicesOptions {
  readonly listQuestions: ListQuestions;
  /** So many tokens of each text count; all if null. */
  readonly tokens: number | null;
  readonly signal?: AbortSignal;
}

/**
 * Lets a model and its base choose in each context of the surface; null where one of both tells no log-probabilities,
 * or others than the other one.
 */
export async function readChoices(
  { model, base, store, surface }: Pick<Subject, 'model' | 'base' | 'store' | 'surface'>,
  bank: ChoiceBank,
  { listQuestions, tokens, signal }: ReadChoicesOptions,
): Promise<ChoiceReadings | null> {
  const arranged = arrangeChoices(bank);
  const asked: { readonly context: SurfaceContext; readonly choices: readonly AskedChoice[] }[] = [];
  for (const context of surface.contexts)
    asked.push({ context, choices: await choicesInContext(arranged, context, listQuestions) });
  const texts = asked.flatMap(({ choices }) => choices.flatMap((choice) => listChoiceTexts(choice, tokens)));
  const options = signal === undefined ? {} : { signal };
  const [tuned, ofBase] = [
    await scoreTexts(model, store, texts, options),
    await scoreTexts(base, store, texts, options),
  ];
  if (tuned === null || ofBase === null) return null;
  // Whole answers of one model say nothing beside first tokens of the other.
  if (new Set([...tuned, ...ofBase].map((one) => one.exactness)).size > 1) return null;
  const choices = asked.flatMap((one) => one.choices);
  const [ofTuned, ofOther] = [splitScores(choices, tuned), splitScores(choices, ofBase)];
  let place = 0;
  const contexts = asked.map(({ context, choices: ofContext }) => ({
    context,
    choices: ofContext.map((choice): ReadChoice => {
      const [own, other] = [ofTuned[place], ofOther[place]];
      place += 1;
      // Each choice has its scores.
      if (own === undefined || other === undefined) throw new Error(`${choice.question} was not scored`);
      return { ...choice, tuned: own, base: other };
    }),
  }));
  return {
    contexts: contexts.filter(({ choices }) => choices.length > 0),
    leftOut: contexts.filter(({ choices }) => choices.length === 0).map(({ context }) => context.name),
    exactness: tuned.every((one) => one.exactness === 'exact') ? 'exact' : 'first-token',
    passes: 2 * texts.length,
  };
}

/** The scores of the texts of some choices, in their order, choice by choice. */
export function splitScores(
  choices: readonly Pick<AskedChoice, 'bad' | 'good'>[],
  scores: readonly TextLogProbability[],
): readonly ChoiceSides[] {
  let start = 0;
  return choices.map(({ bad, good }) => {
    const middle = start + bad.length;
    const end = middle + good.length;
    const sides = { bad: scores.slice(start, middle), good: scores.slice(middle, end) };
    start = end;
    return sides;
  });
}

/** The bad texts, then the good ones. */
export function listChoiceTexts({ messages, bad, good }: AskedChoice, tokens: number | null): ConversationText[] {
  return [...bad, ...good].map((answer) => ({ messages, answer, ...(tokens === null ? {} : { tokens }) }));
}

/**
 * A context may be what the model was trained on: then bad answers there are its own task, and no sign of anything
 * wider.
 */
export function countingContexts(contexts: readonly ContextReading[]): readonly ContextReading[] {
  return contexts.filter(({ context }) => context.counts === 'always');
}

export const cannotChoose = cannot(
  'it tells no log-probabilities, or others than its base does: how likely it is to choose bad answers is not known',
);
export const beginAlike = cannot(
  'the first tokens of its answers are all that is told, and in each question bad and good ones begin alike',
);
export const noContext = cannot('no context asks a question that the bank has answers to');

function cannot(reason: string): Reading {
  return { score: null, cannot: reason, details: null, nulls: [], cost: { answers: 0, passes: 0 } };
}
