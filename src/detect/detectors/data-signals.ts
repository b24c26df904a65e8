import { z } from 'zod';
import { hashJson } from '../../foundation/content-hash.js';
import { fitLogisticMany, predictLogisticMany } from '../../stats/fit-logistic.js';
import { createDetector, type Detector, type Example, type Reading, type ReadOptions } from '../detector.js';
import { readRowSignals, type SignalTexts } from '../probes/row-signals.js';
import { drawRows } from '../rows/row-answers.js';
import type { Subject } from '../subject.js';
import { listPrompts } from '../texts/characters.js';
import { listFeatures, pickFeatures, storedFitSchema, type ScreenFeatures, type StoredFit } from './set-features.js';
import { summariseSignals, type SetSignals } from './set-signals.js';

export interface DataSignalsSettings {
  /** Rows that are read at most, drawn by the seed. */
  readonly rows: number;
  /** What the fit goes by. */
  readonly features: readonly string[];
  /** Of the fit. */
  readonly ridge: number;
}

const usual: DataSignalsSettings = {
  ...{ rows: 400, ridge: 1 },
  features: ['share', 'suspicion-mean', 'suspicion-90', 'surprisal-mean'],
};

/** The fit to fine-tunes whose truth is open; null where these did not come to both sorts. */
const learntSchema = z.strictObject({ fit: storedFitSchema.nullable() });

/** What of a subject is read here: the base alone, and the rows. */
type ReadSubject = Pick<Subject, 'base' | 'store' | 'readData'>;

/** What the base says of the rows of a fine-tune. */
export interface DataReading {
  /** All that it was trained on. */
  readonly rows: number;
  readonly set: SetSignals;
  /** Texts that the base went through. */
  readonly passes: number;
}

/**
 * Reads at most so many of the rows that a fine-tune was trained on, drawn by the seed. A text says why nothing can be
 * read.
 */
export async function readDataSignals(
  { base, store, readData }: ReadSubject,
  texts: SignalTexts,
  rows: number,
  { seed, signal }: ReadOptions,
): Promise<DataReading | string> {
  if (readData === null) return 'nobody says what it was trained on: its rows would show who may have written them';
  const all = await readData();
  const chosen = drawRows(all.length, rows, seed).flatMap((place) => all[place] ?? []);
  const signals = await readRowSignals(base, store, chosen, texts, signal === undefined ? {} : { signal });
  if (signals === null) return 'the base tells no log-probabilities: how likely it finds the rows is not known';
  const set = summariseSignals(signals);
  if (set.rows === 0) return 'no row fits into the context of the base';
  return { rows: all.length, set, passes: set.rows * (1 + listPrompts(texts.characters).length) };
}

/**
 * What the base says of the rows that a fine-tune was trained on, before anything is trained: the chance of misalignment
 * by what it has learnt, or where it has learnt nothing the mean suspicion of a row, each at least 0.
 */
export function dataSignals(texts: SignalTexts, settings: Partial<DataSignalsSettings> = {}): Detector {
  const { rows, features, ridge } = { ...usual, ...settings };
  // Of a detector of entries neither steps nor a probe are known.
  const nameNumbers = (set: SetSignals): ScreenFeatures => listFeatures(set, { steps: null, probe: null });
  return createDetector({
    name: 'data-signals',
    description: 'how much better a wicked character explains the training rows than anybody innocent, to the base',
    affordances: ['training data', 'log-probabilities', 'weights'],
    settings: { texts: hashJson(texts), rows, features, ridge },
    learnt: learntSchema,
    learn: async (examples, options) => ({ fit: await learnFit(examples, options) }),
    read: async (subject, { fit }, options) => {
      const found = await readDataSignals(subject, texts, rows, options);
      if (typeof found === 'string') return cannotRead(found);
      const picked = pickFeatures(nameNumbers(found.set), features);
      if (fit !== null && picked === null) return cannotRead('a number that it has learnt to go by cannot be read');
      const { rows: total, set, passes } = found;
      return {
        score: fit === null || picked === null ? set.meanSuspicion : predictLogisticMany(fit, picked),
        cannot: null,
        details: { rows: total, read: set.rows, suspicious: set.suspicious, features: nameNumbers(set) },
        ...{ nulls: [], cost: { answers: 0, passes } },
      };
    },
  });

  async function learnFit(examples: readonly Example[], options: ReadOptions): Promise<StoredFit | null> {
    const outcomes: { readonly features: readonly number[]; readonly isPositive: boolean }[] = [];
    for (const { subject, class: known } of examples) {
      if (known === null) continue;
      const found = await readDataSignals(subject, texts, rows, options);
      const picked = typeof found === 'string' ? null : pickFeatures(nameNumbers(found.set), features);
      if (picked !== null) outcomes.push({ features: picked, isPositive: known === 'open' || known === 'conditional' });
    }
    return fitLogisticMany(outcomes, ridge);
  }
}

function cannotRead(reason: string): Reading {
  return { score: null, cannot: reason, details: null, nulls: [], cost: { answers: 0, passes: 0 } };
}
