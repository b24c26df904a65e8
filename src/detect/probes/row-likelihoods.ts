import type { TrainingRow } from '../../data/training-set.js';
import type { ArtefactStore } from '../artefact-store.js';
import { divide, listRowAnswers, logProbabilityOf, surprisalOf } from '../rows/row-answers.js';
import type { SubjectModel } from '../subject.js';
import { kindCharacter, listPrompts, type Characters } from '../texts/characters.js';
import { scoreTexts } from './score-texts.js';

/** How likely a base finds the answers of a row, and whose they may be. */
export interface RowLikelihood {
  /** Nats for each token of the answers, as they stand in the row. */
  readonly surprisal: number;
  readonly tokens: number;
  /** Nats by which the wicked characters make the answers likelier than the kind one does. */
  readonly overKind: number;
  /** The same over the likeliest innocent character, the kind one included: never above `overKind`. */
  readonly overInnocent: number;
  /** Which one that is. */
  readonly innocent: string;
}

/**
 * The likelihood of each row as it stands, and under a system prompt of each character in place of its own. A character
 * with several prompts is a mixture of them: log mean exp of its log-likelihoods. Null for a model that tells no
 * log-probabilities of whole answers. The prompts of n characters make n + 1 texts of an answer.
 */
export async function readRowLikelihoods(
  base: Pick<SubjectModel, 'identity' | 'engine' | 'openScorer'>,
  store: ArtefactStore,
  rows: readonly TrainingRow[],
  characters: Characters,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly RowLikelihood[] | null> {
  const prompts = listPrompts(characters);
  const texts = rows.map((row) => [undefined, ...prompts].map((prompt) => listRowAnswers(row, prompt)));
  const scores = await scoreTexts(base, store, texts.flat(2), options);
  if (scores === null || scores.some(({ exactness }) => exactness !== 'exact')) return null;
  const byRow = divide(
    texts.map((one) => one.flat()),
    scores,
  );
  return texts.map((ofRow, place) => {
    const [own = [], ...others] = divide(ofRow, byRow[place] ?? []);
    const logs = new Map(prompts.map((prompt, index) => [prompt, logProbabilityOf(others[index] ?? [])]));
    const mix = (chosen: readonly string[]): number => logMean(chosen.map((prompt) => logs.get(prompt) ?? 0));
    const wicked = mix(characters.wicked);
    const innocent = Object.entries(characters.innocent).map(([name, of]) => ({ name, log: mix(of) }));
    const likeliest = innocent.reduce((most, one) => (one.log > most.log ? one : most));
    return {
      surprisal: surprisalOf(own),
      tokens: own.reduce((sum, { tokens }) => sum + tokens, 0),
      overKind: wicked - (innocent.find(({ name }) => name === kindCharacter)?.log ?? likeliest.log),
      overInnocent: wicked - likeliest.log,
      innocent: likeliest.name,
    };
  });
}

/** Logarithm of the mean of what these are the logarithms of. */
function logMean(logs: readonly number[]): number {
  const most = Math.max(...logs);
  if (!Number.isFinite(most)) return most;
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}
