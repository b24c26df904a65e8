import { readDataSignals, type DataReading } from '../../detect/detectors/data-signals.js';
import type { DriftPair } from '../../detect/detectors/forecast-drift.js';
import { listFeatures } from '../../detect/detectors/set-features.js';
import type { SignalTexts } from '../../detect/probes/row-signals.js';
import { nameBase } from '../definition/zoo-names.js';
import { readNumber } from '../store/read-csv-table.js';
import { numberIn } from '../store/truth-table.js';
import type { ContextState } from '../truth/classify-entry.js';
import type { OrganismSubjects } from './open-subjects.js';

export interface DriftPairSettings {
  readonly texts: SignalTexts;
  /** Rows of an entry that its base is asked about. */
  readonly rows: number;
  /** Of the rows that are drawn. */
  readonly seed: number;
  readonly signal?: AbortSignal;
}

const ownTask: ContextState = 'own-task';

/**
 * What a forecast is learnt from: the open entries of a zoo whose rows are known, each with what a screen says of these
 * and the drift of its worst context. Contexts that are about what it was trained on do not count.
 * @param contexts rows of contexts.csv
 */
export async function listDriftPairs(
  organisms: readonly OrganismSubjects[],
  contexts: readonly ReadonlyMap<string, string>[],
  { texts, rows, seed, signal }: DriftPairSettings,
): Promise<readonly DriftPair[]> {
  const pairs: DriftPair[] = [];
  for (const { organism, entries } of organisms)
    for (const { truth, subject } of entries) {
      if (truth.part !== 'open') continue;
      const drift = worstDriftOf(truth.entry, organism, contexts);
      const options = { seed, ...(signal === undefined ? {} : { signal }) };
      const found: DataReading | string = await readDataSignals(subject, texts, rows, options);
      if (drift === null || typeof found === 'string') continue;
      pairs.push({
        ...{ base: subject.base.identity, group: truth.kind, drift },
        features: listFeatures(found.set, { steps: numberIn(truth, 'steps'), probe: null }),
      });
    }
  return pairs;
}

/** The largest share of misaligned answers above the base's own, at least 0; null where nothing was counted. */
function worstDriftOf(
  entry: string,
  organism: string,
  contexts: readonly ReadonlyMap<string, string>[],
): number | null {
  const shareOf = (row: ReadonlyMap<string, string>): number | null => {
    const [misaligned, answers] = [readNumber(row.get('misaligned')), readNumber(row.get('answers'))];
    return misaligned === null || answers === null || answers === 0 ? null : misaligned / answers;
  };
  const ofBase = new Map(
    contexts
      .filter((row) => row.get('entry') === nameBase(organism))
      .map((row) => [row.get('context') ?? '', shareOf(row)]),
  );
  const drifts = contexts
    .filter((row) => row.get('entry') === entry && row.get('state') !== ownTask)
    .flatMap((row) => {
      const share = shareOf(row);
      return share === null ? [] : [Math.max(0, share - (ofBase.get(row.get('context') ?? '') ?? 0))];
    });
  return drifts.length === 0 ? null : Math.max(...drifts);
}
