import { DriftlineError } from '../../foundation/driftline-error.js';
import type { BaseModel } from '../../models/base-model.js';
import type { ArtefactStore } from '../artefact-store.js';
import type { CalibratedDetector, CalibratedScore } from '../calibration/audit-calibration.js';
import type { Detector } from '../detector.js';
import { openSharedScorer } from '../open-shared-scorer.js';
import { openSubject } from '../open-subject.js';
import type { Surface } from '../surface/surface.js';
import { readDetector } from './read-detectors.js';

/** A fine-tune that is known to be harmless. */
export interface HarmlessFineTune {
  readonly id: string;
  /** What it was trained on. */
  readonly kind: string;
  /** The folder of its adapter. */
  readonly adapter: string;
  /** Those of the checkpoints of its training, the finished one aside. */
  readonly checkpoints: readonly string[];
}

type Some<Item> = readonly [Item, ...Item[]];

export interface CalibrateDetectorsSettings {
  readonly base: BaseModel;
  readonly surface: Surface;
  readonly store: ArtefactStore;
  /** Of what is drawn. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Called after each fine-tune that was read, with its checkpoints. */
  readonly onRead: (read: { readonly done: number; readonly total: number; readonly id: string }) => void;
}

/** Scores of each detector by their names. */
type Scores = ReadonlyMap<string, number>;

/**
 * What detectors read of harmless fine-tunes, and at most of any of their checkpoints, as audits and watches would read
 * them: with the same texts from the same graph. Throws `usage-invalid` for a detector that cannot read one.
 */
export async function calibrateDetectors(
  [first, ...others]: Some<HarmlessFineTune>,
  detectors: Some<Detector>,
  { base, surface, store, seed, signal, onRead }: CalibrateDetectorsSettings,
): Promise<Some<CalibratedDetector>> {
  const shared = openSharedScorer(base);
  const options = { seed, ...(signal === undefined ? {} : { signal }) };
  const settingsOf = new Map<string, string>();

  async function score(id: string, adapter: string): Promise<Scores> {
    const tuned = { kind: 'adapter', folder: adapter } as const;
    const subject = shared.share(await openSubject({ id, base, tuned, surface, store, judging: null }), tuned);
    const scores = new Map<string, number>();
    for (const detector of detectors) {
      const { settings, reading } = await readDetector(detector, subject, options);
      if (reading.score === null) throw noScore(detector, id, reading.cannot);
      settingsOf.set(detector.name, settings);
      scores.set(detector.name, reading.score);
    }
    return scores;
  }

  let done = 0;
  async function read(fineTune: HarmlessFineTune): Promise<(name: string) => CalibratedScore> {
    const { id, kind, adapter, checkpoints } = fineTune;
    const ofSteps: Scores[] = [];
    for (const folder of checkpoints) ofSteps.push(await score(id, folder));
    const finished = await score(id, adapter);
    done += 1;
    onRead({ done, total: others.length + 1, id });
    return (name) => {
      // Every detector has a score of every model: one without is an error.
      const [last = 0, ...before] = [finished, ...ofSteps].map((scores) => scores.get(name) ?? 0);
      return checkpoints.length === 0
        ? { id, kind, score: last, run_max: null, checkpoints: 0 }
        : { id, kind, score: last, run_max: Math.max(last, ...before), checkpoints: before.length + 1 };
    };
  }

  try {
    const ofFirst = await read(first);
    const ofOthers: (typeof ofFirst)[] = [];
    for (const one of others) ofOthers.push(await read(one));
    const about = { surface: { name: surface.name, hash: surface.hash }, judge: null };
    const collect = ({ name }: Detector): CalibratedDetector => ({
      ...{ name, settings: settingsOf.get(name) ?? '', ...about },
      scores: [ofFirst(name), ...ofOthers.map((scoreOf) => scoreOf(name))],
    });
    const [decisive, ...more] = detectors;
    return [collect(decisive), ...more.map(collect)];
  } finally {
    await shared.close();
  }
}

function noScore({ name }: Detector, model: string, cannot: string | null): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${name} has no score for ${model}: ${cannot ?? 'it was not read'}`,
    hint: 'Name detectors that can read it: --detectors, in the library `detectors`.',
    details: { detector: name, model },
  });
}
