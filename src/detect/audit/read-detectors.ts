import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, readFailure } from '../../foundation/file-failure.js';
import { identifyAdapted } from '../../models/adapt-base.js';
import type { AskedHosted, BaseModel } from '../../models/base-model.js';
import type { TunedModel } from '../../models/trainer.js';
import { openArtefactStore } from '../artefact-store.js';
import { hashDetector, type CalibratedDetector } from '../calibration/audit-calibration.js';
import type { Detector, Reading, ReadOptions } from '../detector.js';
import { openSharedScorer } from '../open-shared-scorer.js';
import { openSubject } from '../open-subject.js';
import { restrictSubject, type Subject } from '../subject.js';
import type { Surface } from '../surface/surface.js';
import { holdAgainstHarmless, type HeldAgainstHarmless } from './harmless-audits.js';

/** What a detector says of the audited model. */
export interface AuditReading extends Pick<Detector, 'name' | 'description'>, Reading {
  /** Hash of everything that decides its score besides the models. */
  readonly settings: string;
  /** Null where nothing says how harmless fine-tunes read. */
  readonly harmless: HeldAgainstHarmless | null;
  readonly affordances: readonly string[];
}

/** The two models of an audit, and the contexts that it knows of. */
export interface AuditedPair {
  readonly base: BaseModel;
  readonly tuned: BaseModel;
  readonly surface: Surface;
}

export interface ReadDetectorsOptions {
  readonly seed: number;
  /** Of the audit, where what is read is stored. */
  readonly folder: string;
  /** Folders of other audits of the same base, whose readings of it are taken over. */
  readonly others: readonly string[];
  /** What a calibration has of a detector, and the rate that is claimed by it; null where it has nothing, or there is none. */
  readonly findHarmless: (name: string) => CalibratedAt | null;
  /** How hosted models are asked: what is paid for their log-probabilities counts with what answers cost. */
  readonly asked?: AskedHosted;
  readonly signal?: AbortSignal;
}

/** Scores of harmless fine-tunes, and a rate that they can claim. */
export interface CalibratedAt {
  readonly calibrated: CalibratedDetector;
  readonly rate: number;
}

/** Reads the model with each detector, which sees what it says that it needs. Nobody is asked, and nothing is read twice. */
export async function readDetectors(
  detectors: readonly Detector[],
  { base, tuned, surface }: AuditedPair,
  { seed, folder, others, findHarmless, asked, signal }: ReadDetectorsOptions,
): Promise<readonly AuditReading[]> {
  if (detectors.length === 0) return [];
  const store = openArtefactStore([folder, ...others]);
  const shared = openSharedScorer(base);
  const options = { seed, ...(signal === undefined ? {} : { signal }) };
  try {
    const own = await findAdapter(base, tuned);
    const about = { id: tuned.reference.text, base, tuned: own, surface, store, judging: null };
    const subject = shared.share(await openSubject({ ...about, ...(asked === undefined ? {} : { asked }) }), own);
    const readings: AuditReading[] = [];
    for (const detector of detectors) {
      const { name, description, affordances } = detector;
      const { settings, reading } = await readDetector(detector, subject, options);
      const found = reading.score === null ? null : findHarmless(name);
      const harmless =
        found === null || reading.score === null
          ? null
          : holdAgainstHarmless(found.calibrated, reading.score, found.rate);
      readings.push({ name, description, affordances, settings, harmless, ...reading });
    }
    return readings;
  } finally {
    await shared.close();
    await store.close();
  }
}

/** What a detector that needs nothing to learn from says of a subject, and the hash of what decides that. */
export async function readDetector(
  detector: Detector,
  subject: Subject,
  options: ReadOptions,
): Promise<{ readonly settings: string; readonly reading: Reading }> {
  options.signal?.throwIfAborted();
  const learnt = await detector.learn([], options);
  const reading = await detector.read(restrictSubject(subject, detector.affordances), learnt, options);
  return { settings: hashDetector(detector, learnt), reading };
}

/** The adapter of a model that is one on this base, which can be scored with others on it; otherwise the model itself. */
async function findAdapter(base: BaseModel, tuned: BaseModel): Promise<TunedModel | BaseModel> {
  const { reference } = tuned;
  const { inspectAdapter, openAdapterScorer } = base;
  const isShared = inspectAdapter !== null && openAdapterScorer !== null && openAdapterScorer !== undefined;
  if (reference.provider !== 'adapted' || !isShared) return tuned;
  const identity = identifyAdapted(base, await inspectAdapter(reference.adapter));
  return identity === tuned.identity ? { kind: 'adapter', folder: reference.adapter } : tuned;
}

/** Audits of the same base in the folder of all audits, but for one; those of one base have one name. */
export async function listSiblings(audits: string, name: string, own: string): Promise<readonly string[]> {
  const names = await readdir(audits).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw readFailure(audits, cause);
  });
  return names
    .filter((one) => one.startsWith(`${name}-`) && one !== own)
    .sort()
    .map((one) => join(audits, one));
}
