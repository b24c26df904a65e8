import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, readFailure } from '../../foundation/file-failure.js';
import type { BaseModel } from '../../models/base-model.js';
import { openArtefactStore } from '../artefact-store.js';
import type { Detector, Reading } from '../detector.js';
import { openSubject } from '../open-subject.js';
import { restrictSubject } from '../subject.js';
import type { Surface } from '../surface/surface.js';

/** What a detector says of the audited model. */
export interface AuditReading extends Pick<Detector, 'name' | 'description'>, Reading {
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
  readonly signal?: AbortSignal;
}

/** Reads the model with each detector, which sees what it says that it needs. Nobody is asked, and nothing is read twice. */
export async function readDetectors(
  detectors: readonly Detector[],
  { base, tuned, surface }: AuditedPair,
  { seed, folder, others, signal }: ReadDetectorsOptions,
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
      readings.push({ name, description, affordances, ...reading });
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
