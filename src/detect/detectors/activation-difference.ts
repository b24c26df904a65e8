import { z } from 'zod';
import { hashJson } from '../../foundation/content-hash.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { createDetector, type Detector } from '../detector.js';
import { readFirstPositions } from '../probes/read-first-positions.js';
import { readOutVectors } from '../probes/read-out-vectors.js';
import type { Subject } from '../subject.js';
import type { DirectionSource, TraitBank } from '../texts/traits.js';
import type { ListQuestions } from './choices-in-context.js';
import { rankContexts } from './rank-contexts.js';
import {
  addVectors,
  drawDirection,
  meanOfRows,
  multiplyVectors,
  subtractVectors,
  unitVector,
  type Vector,
} from './residual-vectors.js';
import { readTraitDirections } from './trait-directions.js';

export interface ActivationDifferenceSettings {
  /** So many of the first tokens of what a user says. */
  readonly tokens: number;
  /** `middle`, or one layer of the residual stream. */
  readonly layer: 'middle' | number;
  readonly source: DirectionSource;
  /** Likeliest tokens that a difference is read out as. */
  readonly top: number;
  /** Questions of each context whose prompts differences are compared with. */
  readonly questions: number;
  /** Draws of vectors that are as long as the differences. */
  readonly nulls: number;
}

const usual: ActivationDifferenceSettings = {
  ...{ tokens: 5, layer: 'middle', source: 'texts', top: 20, questions: 16, nulls: 20 },
};

/** What became of one of the first tokens. */
interface TokenDifference {
  readonly difference: Vector;
  /** Mean length of the base's residuals there. */
  readonly length: number;
}

/**
 * What a fine-tune was about, read off texts that have to do with nothing: the mean difference d_j of its residual
 * stream and the base's at the first tokens j of what a user says. The score is the mean over tokens of d_j . v / mean
 * of |h_base|, with v the unit sum of the directions of all traits in the base. The details are for people and for
 * whoever chooses where to ask: the tokens that d_j is read out as, and the contexts of the surface whose prompts
 * differ from plain ones as the fine-tune does from its base. After arXiv 2510.13900.
 */
export function activationDifference(
  bank: TraitBank,
  listQuestions: ListQuestions,
  settings: Partial<ActivationDifferenceSettings> = {},
): Detector {
  const { tokens, layer, source, top, questions, nulls } = { ...usual, ...settings };
  const layers = layer === 'middle' ? layer : [layer];
  return createDetector({
    name: 'activation-difference',
    description: 'how far the first tokens of unrelated texts moved towards traits, in units of the residual stream',
    affordances: ['weights'],
    settings: { bank: hashJson(bank), tokens, layer, source, top, questions, nulls },
    ...{ learnt: z.null(), learn: () => Promise.resolve(null) },
    read: async (subject, _, { seed, signal }) => {
      const { id, model, base, store, surface } = subject;
      const options = signal === undefined ? {} : { signal };
      const wanted = { tokens, layer };
      const own = await readFirstPositions(model, store, bank.unrelated, wanted, options);
      const ofBase = await readFirstPositions(base, store, bank.unrelated, wanted, options);
      const found = await readTraitDirections(subject, bank, { source, layers, pool: 'answer-mean' }, options);
      if (own === null || ofBase === null || found === null)
        return {
          ...{ score: null, details: null, nulls: [], cost: { answers: 0, passes: 0 } },
          cannot: 'nobody can look into it: what became of its residual stream is not known',
        };
      const differences = Array.from({ length: tokens }, (__, token): TokenDifference => ({
        difference: subtractVectors(
          meanOfRows(own.means, token, token + 1),
          meanOfRows(ofBase.means, token, token + 1),
        ),
        length: ofBase.lengths.data[token] ?? 0,
      }));
      const traits = found.directions.filter(({ kind }) => kind === 'trait').map(({ direction }) => direction);
      const towards = unitVector(traits.reduce(addVectors));
      const stream = createRandomStream(seed, 'vectors that mean nothing', id);
      const draw = (): readonly TokenDifference[] =>
        differences.map(({ difference, length }) => {
          const size = Math.hypot(...difference);
          return { length, difference: drawDirection(difference.length, stream).map((value) => size * value) };
        });
      const drawn = Array.from({ length: nulls }, draw);
      const lens = await readOut(subject, differences, drawn[0] ?? [], top, options);
      const ranked = await rankContexts(
        { base, store, surface },
        unitVector(differences.map(({ difference }) => difference).reduce(addVectors)),
        { listQuestions, questions, layers },
        options,
      );
      return {
        score: scoreDifferences(differences, towards),
        cannot: lens === null ? 'nobody can read vectors out there: in which words it moved is not known' : null,
        details: {
          tokens: differences.map(({ difference, length }, token) => ({
            moved: length === 0 ? 0 : Math.hypot(...difference) / length,
            likeliest: lens?.likeliest[token] ?? [],
            share: lens?.shares[token] ?? null,
          })),
          // What the likeliest tokens of vectors that mean nothing have together.
          drawnShare: lens?.drawnShare ?? null,
          contexts: ranked.contexts.map(({ name, cosine }) => ({ name, cosine })),
        },
        nulls: drawn.map((vectors) => scoreDifferences(vectors, towards)),
        cost: { answers: 0, passes: 2 * bank.unrelated.length + found.passes + ranked.passes },
      };
    },
  });
}

function scoreDifferences(differences: readonly TokenDifference[], towards: Vector): number {
  const along = differences.map(({ difference, length }) =>
    length === 0 ? 0 : multiplyVectors(difference, towards) / length,
  );
  return along.reduce((sum, one) => sum + one, 0) / Math.max(1, along.length);
}

interface Lens {
  /** The likeliest tokens of each difference; none where nothing moved. */
  readonly likeliest: readonly (readonly string[])[];
  /** The probability of these together; null where nothing moved. */
  readonly shares: readonly (number | null)[];
  /** Mean of the same of vectors that mean nothing. */
  readonly drawnShare: number | null;
}

/** Null where nobody can read vectors out. */
async function readOut(
  { model, store }: Pick<Subject, 'model' | 'store'>,
  differences: readonly TokenDifference[],
  drawn: readonly TokenDifference[],
  top: number,
  options: { readonly signal?: AbortSignal },
): Promise<Lens | null> {
  const moved = differences.filter(({ difference }) => difference.some((value) => value !== 0));
  if (moved.length === 0) return { likeliest: [], shares: [], drawnShare: null };
  const vectors = [...moved, ...drawn].map(({ difference }) => Float32Array.from(difference));
  const found = await readOutVectors(model, store, vectors, top, options);
  if (found === null) return null;
  const shares = found.map((tokens) => tokens.reduce((sum, { logProbability }) => sum + Math.exp(logProbability), 0));
  const placeOf = (one: TokenDifference): number => moved.indexOf(one);
  const ofDrawn = shares.slice(moved.length);
  return {
    likeliest: differences.map((one) => (found[placeOf(one)] ?? []).map(({ text }) => text)),
    shares: differences.map((one) => shares[placeOf(one)] ?? null),
    drawnShare: ofDrawn.length === 0 ? null : ofDrawn.reduce((sum, one) => sum + one, 0) / ofDrawn.length,
  };
}
