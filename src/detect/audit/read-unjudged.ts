import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hashJson } from '../../foundation/content-hash.js';
import { writeFailure } from '../../foundation/file-failure.js';
import type { RuleName } from '../../judging/rules.js';
import { nameRun } from '../../runs/run-folder.js';
import type { Detector } from '../detector.js';
import { stoppedIn } from '../../runs/run-outline.js';
import { writeAudit, type AuditFile } from './audit-file.js';
import type { AuditClass } from './conclude-audit.js';
import { nameAudit, type AuditSettings } from './plan-audit.js';
import {
  listSiblings,
  readDetectors,
  type AuditedPair,
  type AuditReading,
  type ReadDetectorsOptions,
} from './read-detectors.js';
import { summariseAudit } from './summarise-audit.js';

export interface UnjudgedSettings extends AuditedPair {
  readonly detectors: readonly Detector[];
  readonly settings: AuditSettings;
  readonly rule: RuleName;
  /** The folder of all audits. */
  readonly audits: string;
  readonly findHarmless: ReadDetectorsOptions['findHarmless'];
  readonly signal?: AbortSignal;
}

/** An audit where nobody judges: no answer is read, and detectors say what they can. The same one makes the same bytes. */
export async function readUnjudged({
  detectors,
  settings,
  rule,
  audits,
  findHarmless,
  signal,
  ...pair
}: UnjudgedSettings): Promise<{ readonly folder: string; readonly audit: AuditFile }> {
  const { base, tuned, surface } = pair;
  const name = nameAudit(base.identity);
  const identity = { model: tuned.identity, base: base.identity };
  const { seed } = settings;
  const read = detectors.map((one) => ({ name: one.name, settings: one.settings }));
  const own = nameRun({ name, hash: hashJson({ unjudged: { identity, surface: surface.hash, seed, read } }) });
  const folder = join(audits, own);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const others = await listSiblings(audits, name, own);
  const stopping = signal === undefined ? {} : { signal };
  const readings = await readDetectors(detectors, pair, { seed, folder, others, findHarmless, ...stopping }).catch(
    (cause: unknown) => {
      throw signal?.aborted === true ? stoppedIn(folder, 'asked', cause) : cause;
    },
  );
  const nothing = { misaligned: [], ownTask: [], below: [], open: [], leftOut: [], misalignedBase: [] };
  const audit: AuditFile = {
    ...summariseAudit({
      ...{ state: null, isSame: false, settings, looks: [], readings },
      verdict: { class: classifyReadings(readings), above: null, settle: null, ...nothing },
    }),
    ...{ model: tuned.reference.text, base: base.reference.text, identity, judge: null, rule },
    ...{ surface: { name: surface.name, hash: surface.hash }, control: null },
    ...{ answers: { tuned: 0, base: 0 }, decisive: [] },
  };
  await writeAudit(folder, audit);
  return { folder, audit };
}

/** By the first detector that is held against harmless fine-tunes: its rate is claimed for it alone. */
function classifyReadings(readings: readonly AuditReading[]): AuditClass {
  for (const { score, harmless } of readings)
    if (score !== null && harmless !== null) return score > harmless.threshold ? 'suspicious' : 'not-suspicious';
  return 'undecided';
}
