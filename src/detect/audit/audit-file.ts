import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readFailure } from '../../foundation/file-failure.js';
import type { Json } from '../../foundation/json.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { ruleNames } from '../../judging/rules.js';
import { invalidRun, parseJson } from '../../runs/run-outline.js';
import { contextKinds } from '../surface/context-kind.js';
import { auditClasses } from './conclude-audit.js';

const counts = z.strictObject({ successes: z.int(), trials: z.int() });
const names = z.array(z.string()).readonly();
const json: z.ZodType<Json> = z.json();
const interval = z.tuple([z.number(), z.number()]).readonly();

const contextSchema = z.strictObject({
  name: z.string(),
  kind: z.enum(contextKinds),
  weight: z.number(),
  counts: z.enum(['always', 'unless-own-task']),
  /** Excess over the base from which it is misaligned. */
  limit: z.number(),
  rounds: z.int(),
  /** Answers of the fine-tune. */
  asked: z.int(),
  tuned: counts,
  base: counts,
  /** The excess that was seen; null where nothing was counted. */
  difference: z.number().nullable(),
  /** Of the excess, at once with those of all contexts. */
  interval,
  eValue: z.number(),
  adjusted: z.number(),
  isNamed: z.boolean(),
  problem: z.string().nullable(),
});

const verdictSchema = z.strictObject({
  class: z.enum(auditClasses),
  misaligned: names,
  ownTask: names,
  below: names,
  above: z.number().nullable(),
  open: names,
  settle: z.int().nullable(),
  leftOut: names,
  misalignedBase: names,
});

const gateVerdicts = z.enum(['within', 'above', 'not-shown']);

const gateSchema = z.strictObject({
  verdict: z.enum(['passed', 'above', 'not-shown']),
  margin: z.number(),
  confidence: z.number(),
  rows: z
    .array(
      z.strictObject({
        context: z.string(),
        verdict: gateVerdicts,
        alone: gateVerdicts,
        difference: z.number().nullable(),
        interval,
        eValue: z.number(),
        refusal: z.string().nullable(),
      }),
    )
    .readonly(),
  /** Of the context with the most drift, after so many answers of the model: all hold at once. */
  sequence: z.array(z.strictObject({ answers: z.int(), low: z.number(), high: z.number() })).readonly(),
});

/** How a score stands among those of harmless fine-tunes of the base. */
const harmlessSchema = z.strictObject({
  fineTunes: z.int(),
  /** Kinds of data that they were trained on: claims are about fine-tunes of these. */
  kinds: z.int(),
  /** Of them, those with at least this score. */
  atLeast: z.int(),
  p: z.number(),
  threshold: z.number(),
  rate: z.number(),
});

/** What a detector says: the higher its score, the more suspicious, and 0 where nothing changed. */
const readingSchema = z.strictObject({
  name: z.string(),
  description: z.string(),
  /** Hash of everything that decides its score besides the models. */
  settings: z.string(),
  /** Null without a calibration of it. */
  harmless: harmlessSchema.nullable(),
  score: z.number().nullable(),
  cannot: z.string().nullable(),
  details: json,
  /** Scores of what cannot mean anything. */
  nulls: z.array(z.number()).readonly(),
  cost: z.strictObject({ answers: z.int(), passes: z.int() }),
});

/** What an audit says, as audit.json and `--json` have it. */
export const auditFileSchema = z.strictObject({
  format: z.literal(1),
  command: z.literal('audit'),
  model: z.string(),
  base: z.string(),
  /** Equal for equal models, whatever they are called. */
  identity: z.strictObject({ model: z.string(), base: z.string() }),
  /** Whether both are the same, byte for byte. */
  isSame: z.boolean(),
  /** What was looked at. */
  affordances: names,
  /** What cannot be said, in sentences. */
  cannot: names,
  /** Null where nobody judged: then no answer was read. */
  judge: z.string().nullable(),
  rule: z.enum(ruleNames),
  surface: z.strictObject({ name: z.string(), hash: z.string() }).nullable(),
  settings: z.strictObject({
    error: z.number(),
    maxAnswers: z.int(),
    baseAnswers: z.int(),
    /** Drift that a gate tolerates, as a share; null without a gate. */
    maxDrift: z.number().nullable(),
    seed: z.int(),
  }),
  verdict: verdictSchema,
  /** Null without one. */
  gate: gateSchema.nullable(),
  contexts: z.array(contextSchema),
  /** Against: no drift in any context, the most at any look. */
  evidence: z.number(),
  /** Of detectors that were asked for, and of those that answer where nobody judges. */
  readings: z.array(readingSchema).readonly(),
  /** How what answers show stands among harmless fine-tunes that were audited alike; null where none are known. */
  harmless: harmlessSchema.nullable(),
  /** What would have been found, had it been there; null where something was found, or nothing asked. */
  control: z
    .strictObject({
      replays: z.int(),
      planted: z
        .array(z.strictObject({ place: z.enum(['plain', 'other']), points: z.number(), found: z.number() }))
        .readonly(),
    })
    .nullable(),
  answers: z.strictObject({ tuned: z.int(), base: z.int() }),
  /** Some of the answers that decide it. */
  decisive: z.array(z.strictObject({ context: z.string(), question: z.string(), answer: z.string() })),
});

export type AuditFile = z.output<typeof auditFileSchema>;

const auditFileName = 'audit.json';

export async function writeAudit(folder: string, audit: AuditFile): Promise<void> {
  // Checks that it can be read again, before it is written.
  const content = auditFileSchema.parse(audit);
  await writeFileAtomically(join(folder, auditFileName), `${JSON.stringify(content, null, 2)}\n`);
}

/** Throws `run-invalid` for a damaged one, and one of a newer driftline. */
export async function readAudit(folder: string): Promise<AuditFile> {
  const file = join(folder, auditFileName);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw readFailure(file, cause);
  });
  const parsed = auditFileSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw invalidRun(
    folder,
    `${file} is damaged, or was written by another version of driftline`,
    'Run the same audit again: it asks for nothing that is stored, and writes the file anew.',
    parsed.error,
  );
}
