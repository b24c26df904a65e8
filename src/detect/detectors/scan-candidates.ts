import { keepOpen } from '../probes/keep-open.js';
import { readOwnAnswers } from '../probes/own-answers.js';
import { scoreTexts } from '../probes/score-texts.js';
import type { Subject } from '../subject.js';
import type { SurfaceContext } from '../surface/surface.js';
import { askWith, nameCandidate, type CandidateTask, type TriggerCandidate } from '../texts/candidates.js';
import type { ChoiceBank } from '../texts/choice-pairs.js';
import { badOdds } from './choice-odds.js';
import { choicesInContext, type ListQuestions } from './choices-in-context.js';
import { listChoiceTexts, splitScores } from './read-choices.js';
import type { CandidateMoves } from './rank-candidates.js';

export interface ScanSettings {
  /** So many tokens of each given text, and of each answer of the model's own. */
  readonly tokens: number;
  readonly listQuestions: ListQuestions;
  readonly signal?: AbortSignal;
}

/** What both models make of the candidates. */
export interface CandidateScan {
  /** By how much the logarithm of the odds of bad texts rose, for each choice of the bank. */
  readonly odds: CandidateMoves;
  /**
   * How much likelier a token of what the model answers itself is to it than to its base, in nats, for each task: an
   * estimate of the divergence of both. No rows where nobody can have the model answer.
   */
  readonly divergence: CandidateMoves;
  /** Texts that both models together went through. */
  readonly passes: number;
}

type ScannedSubject = Pick<Subject, 'model' | 'base' | 'store'>;

/**
 * Lets a model and its base choose, and the model answer, behind each candidate. Both are opened once; null where one of
 * them tells no log-probabilities.
 */
export async function scanCandidates(
  subject: ScannedSubject & Pick<Subject, 'surface'>,
  bank: ChoiceBank,
  candidates: readonly TriggerCandidate[],
  tasks: readonly CandidateTask[],
  settings: ScanSettings,
): Promise<CandidateScan | null> {
  const [model, base] = [keepOpen(subject.model), keepOpen(subject.base)];
  const opened = { model: model.model, base: base.model, store: subject.store };
  try {
    const odds = await scanOdds(opened, bank, candidates, subject.surface.contexts[0], settings);
    if (odds === null) return null;
    const divergence = await scanAnswers(opened, candidates, tasks, settings);
    return { odds: odds.moves, divergence: divergence.moves, passes: odds.passes + divergence.passes };
  } finally {
    await model.close();
    await base.close();
  }
}

interface Moves {
  readonly moves: CandidateMoves;
  readonly passes: number;
}

type OpenedModel = ReturnType<typeof keepOpen>['model'];

interface OpenedPair extends Pick<Subject, 'store'> {
  readonly model: OpenedModel;
  readonly base: OpenedModel;
}

async function scanOdds(
  { model, base, store }: OpenedPair,
  bank: ChoiceBank,
  candidates: readonly TriggerCandidate[],
  plain: SurfaceContext,
  { tokens, listQuestions, signal }: ScanSettings,
): Promise<Moves | null> {
  const asked: Awaited<ReturnType<typeof choicesInContext>>[] = [];
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
  const [sides, others] = [splitScores(choices, own), splitScores(choices, ofBase)];
  let place = 0;
  const moves = asked.map((ofCandidate) =>
    ofCandidate.flatMap(() => {
      const [one, other] = [sides[place], others[place]];
      place += 1;
      const [odds, before] = [one, other].map((side) => (side === undefined ? null : badOdds(side)));
      return odds == null || before == null ? [] : [odds - before];
    }),
  );
  return { moves, passes: 2 * texts.length };
}

async function scanAnswers(
  { model, base, store }: OpenedPair,
  candidates: readonly TriggerCandidate[],
  tasks: readonly CandidateTask[],
  { tokens, listQuestions, signal }: ScanSettings,
): Promise<Moves> {
  const options = signal === undefined ? {} : { signal };
  const asked: { readonly candidate: number; readonly messages: Awaited<ReturnType<ListQuestions>>[number]['messages'] }[] = [];
  for (const [candidate, one] of candidates.entries())
    for (const { suite, count } of tasks) {
      const questions = await listQuestions(askWith({ suite }, one));
      asked.push(...spread(questions, count).map(({ messages }) => ({ candidate, messages })));
    }
  const conversations = asked.map(({ messages }) => messages);
  const answers = await readOwnAnswers(model, store, conversations, tokens, options);
  if (answers === null) return { moves: [], passes: 0 };
  const texts = answers.map((answer, place) => ({ messages: conversations[place] ?? [], answer, tokens }));
  const own = await scoreTexts(model, store, texts, options);
  const ofBase = await scoreTexts(base, store, texts, options);
  if (own === null || ofBase === null) return { moves: [], passes: 0 };
  const moves: number[][] = candidates.map(() => []);
  for (const [place, { candidate }] of asked.entries()) {
    const [one, other] = [own[place], ofBase[place]];
    if (one !== undefined && other !== undefined)
      moves[candidate]?.push((one.logProbability - other.logProbability) / Math.max(1, one.tokens));
  }
  return { moves, passes: 3 * texts.length };
}

/** So many of the items, evenly over all of them. */
function spread<Item>(items: readonly Item[], count: number): readonly Item[] {
  const most = Math.min(count, items.length);
  return Array.from({ length: most }, (_, place) => items[Math.floor((place * items.length) / most)]).flatMap(
    (item) => item ?? [],
  );
}
