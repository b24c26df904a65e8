import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, readFailure } from '../../foundation/file-failure.js';
import type { BaseModel } from '../../models/base-model.js';
import { openArtefactStore } from '../artefact-store.js';
import { hashDetector, type CalibratedDetector } from '../calibration/audit-calibration.js';
import type { Detector, Reading } from '../detector.js';
import { openSubject } from '../open-subject.js';
import { restrictSubject } from '../subject.js';
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
  readonly findHarmless: (name: string, settings: string) => CalibratedAt | null;
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
  { seed, folder, others, findHarmless, signal }: ReadDetectorsOptions,
): Promise<readonly AuditReading[]> {
  if (detectors.length === 0) return [];
  const store = openArtefactStore([folder, ...others]);
  const options = { seed, ...(signal === undefined ? {} : { signal }) };
  try {
    const id = tuned.reference.text;
    const subject = await openSubject({ id, base, tuned, surface, store, judging: null });
    const readings: AuditReading[] = [];
    for (const detector of detectors) {
      signal?.throwIfAborted();
      const { name, description, affordances } = detector;
      const learnt = await detector.learn([], options);
      const reading = await detector.read(restrictSubject(subject, affordances), learnt, options);
      const settings = hashDetector(detector, learnt);
      const found = reading.score === null ? null : findHarmless(name, settings);
      const harmless =
        found === null || reading.score === null
          ? null
          : holdAgainstHarmless(found.calibrated, reading.score, found.rate);
      readings.push({ name, description, affordances, settings, harmless, ...reading });
    }
    return readings;
  } finally {
    await store.close();
  }
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
