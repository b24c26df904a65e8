import { badOdds, mean, shareOfOdds } from './choice-odds.js';
import type { ReadChoice } from './read-choices.js';

/** The share of bad answers in a context, as the odds of given texts predict it. */
export interface ContextShare {
  readonly tuned: number;
  readonly base: number;
  /** Mean over questions of the difference of both. */
  readonly drift: number;
  readonly questions: readonly QuestionShare[];
}

interface QuestionShare {
  readonly question: string;
  readonly theme: string;
  readonly tuned: number;
  readonly base: number;
}

/** The shares of a choice that a model and its base choose something bad; null where that is not known. */
export type ReadShares = (choice: ReadChoice) => readonly [tuned: number, base: number] | null;

/** The share of a context is the mean over its questions, whatever the number of their choices. */
export function shareOf(choices: readonly ReadChoice[], read: ReadShares): ContextShare {
  const byQuestion = new Map<string, { readonly theme: string; readonly shares: (readonly [number, number])[] }>();
  for (const choice of choices) {
    const shares = read(choice);
    if (shares === null) continue;
    const known = byQuestion.get(choice.question) ?? { theme: choice.theme, shares: [] };
    known.shares.push(shares);
    byQuestion.set(choice.question, known);
  }
  const questions = [...byQuestion].map(([question, { theme, shares }]) => ({
    ...{ question, theme },
    tuned: mean(shares.map(([own]) => own)),
    base: mean(shares.map(([, ofBase]) => ofBase)),
  }));
  return {
    questions,
    tuned: mean(questions.map(({ tuned }) => tuned)),
    base: mean(questions.map(({ base }) => base)),
    drift: mean(questions.map(({ tuned, base }) => tuned - base)),
  };
}

/** By the odds of all texts of both sides. */
export function chosenShares({ tuned, base }: ReadChoice): readonly [number, number] | null {
  const [own, ofBase] = [badOdds(tuned), badOdds(base)];
  return own === null || ofBase === null ? null : [shareOfOdds(own), shareOfOdds(ofBase)];
}
