import { z } from 'zod';
import { hashJson } from '../../foundation/content-hash.js';
import { listEntries } from '../../foundation/explain-issue.js';
import type { Json } from '../../foundation/json.js';
import { readYaml } from '../../foundation/read-yaml.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { ruleNames } from '../../judging/rules.js';
import type { Detector } from '../detector.js';

const hash = z.string().min(1);
const name = z.string().min(1);

const scoreSchema = z
  .strictObject({
    id: name.describe('The fine-tune; every detector of a calibration scores the same ones'),
    kind: name.describe('What it was trained on: fine-tunes of one kind differ in nothing but their seeds'),
    score: z.number().describe('Of the finished fine-tune'),
    run_max: z
      .number()
      .nullable()
      .describe('Highest score of all its checkpoints, the finished fine-tune included; null where none was scored'),
    checkpoints: z.int().nonnegative().describe('How many scores that is the highest of; 0 where it is null'),
  })
  .refine(({ score, run_max: most }) => most === null || most >= score, {
    path: ['run_max'],
    message: 'the highest score of a run is at least that of its end',
  })
  .refine(({ run_max: most, checkpoints }) => (most === null) === (checkpoints === 0), {
    path: ['checkpoints'],
    message: 'it is 0 where run_max is null, and only there',
  });

const detectorSchema = z
  .strictObject({
    name,
    settings: hash.describe('Hash of everything that decides its scores: `hashDetector`'),
    surface: z
      .strictObject({ name, hash })
      .nullable()
      .describe('The contexts that it looked at; null for one that looks at none'),
    judge: z
      .strictObject({ name, rule: z.enum(ruleNames) })
      .nullable()
      .describe('Who called answers misaligned; null for a detector that reads no answers'),
    scores: z
      .array(scoreSchema)
      .nonempty()
      .register(listEntries, { one: 'fine-tune', names: ['id'] }),
  })
  .refine(({ scores }) => new Set(scores.map(({ id }) => id)).size === scores.length, {
    path: ['scores'],
    message: 'a fine-tune is there twice',
  });

/**
 * Scores of harmless fine-tunes of one base, narrow ones included: what a new fine-tune is held against. `driftline audit --calibrate` writes
 * it, audits and watches read it.
 */
export const auditCalibrationSchema = z.strictObject({
  format: z.literal(1),
  base: z.strictObject({
    name: name.describe('As its user wrote it'),
    identity: hash,
    tokens: hash
      .nullable()
      .describe('Hash of what its tokenizer and its chat template make of conversations; null for one of a service'),
  }),
  edition: z
    .int()
    .positive()
    .nullable()
    .describe('Of the world of an organism, whose questions are asked; null for other models'),
  recipe: z
    .record(z.string(), z.json())
    .nullable()
    .describe('How the harmless fine-tunes were trained; null where that is not known'),
  detectors: z
    .array(detectorSchema)
    .nonempty()
    .register(listEntries, { one: 'detector', names: ['name'] }),
});

export type AuditCalibration = z.output<typeof auditCalibrationSchema>;
export type CalibratedDetector = AuditCalibration['detectors'][number];
export type CalibratedScore = CalibratedDetector['scores'][number];

/** Reads a calibration strictly: what it does not know is an error with its line and the nearest known name. */
export async function readAuditCalibration(file: string): Promise<AuditCalibration> {
  // JSON is YAML, too.
  return readYaml(file, auditCalibrationSchema);
}

export async function writeAuditCalibration(file: string, calibration: AuditCalibration): Promise<void> {
  // Checks that it can be read again, before it is written.
  const content = auditCalibrationSchema.parse(calibration);
  await writeFileAtomically(file, `${JSON.stringify(content, null, 2)}\n`);
}

/** Equal for detectors that give every subject the same score. */
export function hashDetector({ name: called, settings }: Pick<Detector, 'name' | 'settings'>, learnt: Json): string {
  return hashJson({ name: called, settings, learnt });
}
