import { z } from 'zod';
import type { Json } from '../../foundation/json.js';
import type { RecordKind } from '../../runs/record-file.js';

const jsonSchema: z.ZodType<Json> = z.json();

const countsSchema = z.strictObject({ successes: z.int(), trials: z.int() });

/** What was answered in a context. */
export const contextAnswersSchema = z.strictObject({
  name: z.string(),
  /** Its part of the evidence. */
  weight: z.number(),
  tuned: countsSchema,
  base: countsSchema,
  /** Against: no drift in this context. */
  eValue: z.number(),
});

const recordSchema = z.strictObject({
  /** Hash of the settings, the checkpoint's name and its weights. */
  key: z.string(),
  /** Hash of all that decides scores. */
  settings: z.string(),
  /** Its folder, within the one that is watched. */
  checkpoint: z.string(),
  step: z.int(),
  kind: z.enum(['adapter', 'model']),
  identity: z.string(),
  /** How many were scored before it, and 1: evidence of later ones must be stronger. */
  look: z.int().positive(),
  /** Null where it cannot be said. */
  score: z.number().nullable(),
  cannot: z.string().nullable(),
  /** Of the detector. */
  details: jsonSchema,
  /** Null where nobody judges. */
  answers: z.array(contextAnswersSchema).nullable(),
  /** Of the answers, against: no drift in any context; null where nobody judges. */
  evidence: z.number().nullable(),
});

/** What was found of a checkpoint: nothing about it is computed twice. */
export type CheckpointRecord = z.output<typeof recordSchema>;
export type ContextAnswers = z.output<typeof contextAnswersSchema>;

export const checkpointRecords: RecordKind<CheckpointRecord> = {
  name: 'checkpoints.jsonl',
  schema: recordSchema,
  keyOf: ({ key }) => key,
};

const contextSchema = z.looseObject({ name: z.string(), tuned: z.number(), base: z.number(), drift: z.number() });
const detailsSchema = z.looseObject({ contexts: z.array(contextSchema) });

/** The share of bad answers in a context, as given texts predict it. */
export type PredictedContext = Pick<z.output<typeof contextSchema>, 'name' | 'tuned' | 'base' | 'drift'>;

/** What a detector says of each context; empty for one that says nothing of them. */
export function listPredicted({ details }: Pick<CheckpointRecord, 'details'>): readonly PredictedContext[] {
  const parsed = detailsSchema.safeParse(details);
  return parsed.success
    ? parsed.data.contexts.map(({ name, tuned, base, drift }) => ({ name, tuned, base, drift }))
    : [];
}
