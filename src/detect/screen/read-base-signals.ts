import type { TrainingRow } from '../../data/training-set.js';
import { countWeights } from '../../engine/checkpoint/decoder-tensors.js';
import { floatBytes } from '../../engine/memory/estimate-memory.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { BaseModel } from '../../models/base-model.js';
import type { ArtefactStore } from '../artefact-store.js';
import { describeSubjectModel } from '../open-subject.js';
import { readContextDistances, type ContextDistance } from '../probes/context-distances.js';
import { keepOpen } from '../probes/keep-open.js';
import { readRowSignals, type RowSignals, type SignalTexts } from '../probes/row-signals.js';
import type { AskedSurface, ScreenPart } from './screen-settings.js';

export interface BaseSignalsSettings {
  readonly base: BaseModel;
  readonly store: ArtefactStore;
  readonly rows: readonly TrainingRow[];
  /** Places of the rows that the base is asked about. */
  readonly places: readonly number[];
  readonly texts: SignalTexts;
  /** Contexts whose distance is read; null where nobody knows any. */
  readonly asked: AskedSurface | null;
  /** Bytes that there are. */
  readonly memory: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (part: ScreenPart, done: number, total: number) => void;
}

export interface BaseSignals {
  /** By the places of all rows; null for those that the base was not asked about. */
  readonly signals: readonly (RowSignals | null)[];
  /** Rows that it was to be asked about and that are too long for it. */
  readonly tooLong: number;
  readonly contexts: readonly ContextDistance[] | null;
  /** What could not be read, in sentences. */
  readonly cannot: readonly string[];
}

/** Everything that a base says of rows. Throws `usage-invalid` for one that tells no log-probabilities of given answers. */
export async function readBaseSignals(settings: BaseSignalsSettings): Promise<BaseSignals> {
  const { base, store, rows, places, texts, asked, memory, signal, onProgress } = settings;
  const options = signal === undefined ? {} : { signal };
  const whole = describeSubjectModel(base, null, base.identity, null, store);
  const fits = await gradientsFit(base, memory);
  const model = fits ? whole : { ...whole, openWeights: null };
  const chosen = places.flatMap((place) => rows[place] ?? []);
  const found = await readRowSignals(model, store, chosen, texts, {
    ...options,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  if (found === null) throw tellsNothing(base.reference.text);
  const { model: open, close } = keepOpen(model);
  const readable = chosen.filter((_, index) => found[index] !== null);
  const contexts =
    asked === null
      ? null
      : await readContextDistances(open, store, readable, asked.surface, asked.listQuestions, {
          ...options,
          onProgress: (done, total) => onProgress?.('contexts', done, total),
        }).finally(close);
  const byPlace = new Map(places.map((place, index) => [place, found[index] ?? null]));
  const tooLong = found.filter((one) => one === null).length;
  return {
    signals: rows.map((_, place) => byPlace.get(place) ?? null),
    ...{ tooLong, contexts },
    cannot: [
      ...(texts.sided === null
        ? ['Nobody gave bad and good texts for this base: neither projections nor gradients of rows were read.']
        : model.openWeights === null
          ? [
              fits
                ? 'The weights of the base are not here as they are: gradients of rows were not read.'
                : 'Gradients of the base do not fit into memory, and were not read.',
            ]
          : []),
      ...(tooLong === 0
        ? []
        : [
            `${String(tooLong)} ${tooLong === 1 ? 'row is' : 'rows are'} too long for the base, and nothing is said of them.`,
          ]),
    ],
  };
}

/** Copies of all weights, at most: as read, for the runtime, a gradient for each of two threads, and two means of double size. */
const copies = 9;

/** Whether gradients of all weights fit into memory, as far as that is known. */
async function gradientsFit({ sizeWork, openWeights }: BaseModel, memory: number): Promise<boolean> {
  if (openWeights === null || sizeWork === null) return true;
  const { config } = await sizeWork({ trainings: [], questions: [], adapted: false });
  return copies * floatBytes * countWeights(config) <= memory;
}

function tellsNothing(model: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${model} tells no log-probabilities of given answers: how likely it finds the rows is not known`,
    hint: 'Name a base that runs here or on your cluster, such as hf:owner/name or ./folder, or screen the texts alone: leave --base out.',
    details: { model },
  });
}
