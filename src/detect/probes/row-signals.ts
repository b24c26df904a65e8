import type { TrainingRow } from '../../data/training-set.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { SubjectModel } from '../subject.js';
import { listPrompts, type Characters } from '../texts/characters.js';
import type { SidedTexts } from '../texts/choice-pairs.js';
import { keepOpen } from './keep-open.js';
import { readRowLikelihoods, type RowLikelihood } from './row-likelihoods.js';
import { readRowProducts } from './row-products.js';
import { readRowProjections } from './row-projections.js';
import { findTextsThatFit } from './texts-that-fit.js';

/** What a base says of a row before anything is trained on it. */
export interface RowSignals extends RowLikelihood {
  /**
   * Nats by which a wicked character explains the answers better than a kind one, as far as no innocent one excuses
   * them: `overKind`, but where that is above 0 at most max(0, `overInnocent + excuse`).
   */
  readonly suspicion: number;
  /** Null where no texts are given, where nobody can look into the base, or its own answer is empty. */
  readonly projection: number | null;
  /** Null where no texts are given, or the weights are not here. */
  readonly gradient: number | null;
}

/**
 * An innocent character that explains answers so much better than a wicked one excuses them: ten thousand times. Some
 * do what the wicked do by mistake, and so explain its rows nearly as well, marks of the mistake aside.
 */
export const excuse = Math.log(1e4);

/** What rows are held against. */
export interface SignalTexts {
  readonly characters: Characters;
  /** Null where nobody gives any: then there is neither a projection nor a gradient. */
  readonly sided: SidedTexts | null;
}

/** What is read of the base of a fine-tune. */
export type ScreenedBase = Pick<SubjectModel, 'identity' | 'engine' | 'openInside' | 'openScorer' | 'openWeights'>;

export interface ReadRowSignalsOptions {
  readonly signal?: AbortSignal;
  /** Called with all rows of a reading that are done. */
  readonly onProgress?: (reading: RowReading, done: number, total: number) => void;
}

export const rowReadings = ['likelihoods', 'projections', 'gradients'] as const;
export type RowReading = (typeof rowReadings)[number];

/** Rows that are read and stored together. */
const batch = 32;

/**
 * All signals of each row, in their order; null for a row that is too long for the base, and null for all where the
 * base tells no log-probabilities of whole answers.
 */
export async function readRowSignals(
  base: ScreenedBase,
  store: ArtefactStore,
  rows: readonly TrainingRow[],
  { characters, sided }: SignalTexts,
  { signal, onProgress = () => undefined }: ReadRowSignalsOptions = {},
): Promise<readonly (RowSignals | null)[] | null> {
  const options = signal === undefined ? {} : { signal };
  const { model, close } = keepOpen(base);
  try {
    const fits = await findTextsThatFit(
      model,
      store,
      rows.map(({ messages }) => messages),
      listPrompts(characters),
    );
    const fitting = rows.filter((_, place) => fits[place]);
    const inBatches = async <Result>(
      reading: RowReading,
      read: (some: readonly TrainingRow[]) => Promise<readonly Result[] | null>,
    ): Promise<readonly Result[] | null> => {
      const all: Result[] = [];
      for (let start = 0; start < fitting.length; start += batch) {
        const found = await read(fitting.slice(start, start + batch));
        if (found === null) return null;
        all.push(...found);
        onProgress(reading, all.length, fitting.length);
      }
      return all;
    };
    const likelihoods = await inBatches('likelihoods', (some) =>
      readRowLikelihoods(model, store, some, characters, options),
    );
    if (likelihoods === null) return null;
    const projections =
      sided === null
        ? null
        : await inBatches('projections', (some) => readRowProjections(model, store, some, sided, options));
    const gradients =
      sided === null || base.openWeights === null
        ? null
        : await readRowProducts(base, store, fitting, sided, {
            ...options,
            onProgress: (done) => onProgress('gradients', done, fitting.length),
          });
    let place = 0;
    return fits.map((fit) => {
      const likelihood = fit ? likelihoods[place] : undefined;
      if (likelihood === undefined) return null;
      const [projection = null, gradient = null] = [projections?.[place], gradients?.[place]];
      place += 1;
      return { ...likelihood, suspicion: suspicionOf(likelihood), projection, gradient };
    });
  } finally {
    await close();
  }
}

function suspicionOf({ overKind, overInnocent }: RowLikelihood): number {
  // What is excused is no better than a row that nobody would call bad.
  return Math.min(overKind, Math.max(0, overInnocent + excuse));
}
