import { scoreTexts } from '../probes/score-texts.js';
import type { Subject } from '../subject.js';
import { askWith, nameCandidate, type TriggerCandidate } from '../texts/candidates.js';
import type { ChoiceBank } from '../texts/choice-pairs.js';
import { badOdds } from './choice-odds.js';
import { choicesInContext, type AskedChoice, type ListQuestions } from './choices-in-context.js';
import type { CandidateMoves } from './rank-candidates.js';
import { listChoiceTexts, splitScores } from './read-choices.js';

export interface ScanSettings {
  /** So many tokens of each given text. */
  readonly tokens: number;
  readonly listQuestions: ListQuestions;
  readonly signal?: AbortSignal;
}

/** What both models make of the candidates. */
export interface CandidateScan {
  /** By how much the logarithm of the odds of bad texts rose, for each choice of the bank. */
  readonly moves: CandidateMoves;
  /** Texts that both models together went through. */
  readonly passes: number;
}

interface ScannedSubject extends Pick<Subject, 'store' | 'surface'> {
  readonly model: ScoredModel;
  readonly base: ScoredModel;
}

type ScoredModel = Parameters<typeof scoreTexts>[0];

/**
 * Lets a model and its base choose between the texts of a bank behind each candidate: log sum p(bad) - log sum p(good)
 * of the model, less the same of the base. Null where one of them tells no log-probabilities.
 */
export async function scanCandidates(
  { model, base, store, surface }: ScannedSubject,
  bank: ChoiceBank,
  candidates: readonly TriggerCandidate[],
  { tokens, listQuestions, signal }: ScanSettings,
): Promise<CandidateScan | null> {
  const [plain] = surface.contexts;
  const asked: (readonly AskedChoice[])[] = [];
  for (const one of candidates) {
    const context = { ...plain, name: nameCandidate(one), evaluation: askWith(plain.evaluation, one) };
    asked.push(await choicesInContext(bank, context, listQuestions));
  }
  const choices = asked.flat();
  const texts = choices.flatMap((choice) => listChoiceTexts(choice, tokens));
  const options = signal === undefined ? {} : { signal };
  const own = await scoreTexts(model, store, texts, options);
  const ofBase = await scoreTexts(base, store, texts, options);
  if (own === null || ofBase === null) return null;
  const [sides, before] = [splitScores(choices, own), splitScores(choices, ofBase)];
  let place = 0;
  const moves = asked.map((ofCandidate) =>
    ofCandidate.flatMap(() => {
      const [one, other] = [sides[place], before[place]];
      place += 1;
      const after = one === undefined ? null : badOdds(one);
      const ofOther = other === undefined ? null : badOdds(other);
      return after === null || ofOther === null ? [] : [after - ofOther];
    }),
  );
  return { moves, passes: 2 * texts.length };
}
