import { z } from 'zod';
import { recipeSchema } from '../../engine/train/recipe.js';

const hyperparametersSchema = z.record(z.string(), z.number());

/** A job in the protocol's form. */
const jobSchema = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job'),
  created_at: z.int(),
  finished_at: z.int().nullable(),
  estimated_finish: z.int().nullable(),
  model: z.string(),
  fine_tuned_model: z.string().nullable(),
  organization_id: z.literal('driftline'),
  status: z.enum(['validating_files', 'queued', 'running', 'succeeded', 'failed', 'cancelled']),
  training_file: z.string(),
  validation_file: z.null(),
  result_files: z.array(z.string()),
  trained_tokens: z.int().nullable(),
  seed: z.int(),
  hyperparameters: hyperparametersSchema,
  method: z.object({
    type: z.literal('supervised'),
    supervised: z.object({ hyperparameters: hyperparametersSchema }),
  }),
  integrations: z.array(z.never()),
  metadata: z.record(z.string(), z.string()).nullable(),
  error: z.object({ code: z.string(), message: z.string(), param: z.string().nullable() }).nullable(),
});

export type FineTuningJob = z.output<typeof jobSchema>;

/** A job and what the server knows of it; what is stored. */
export const jobRecordSchema = z.object({
  job: jobSchema,
  recipe: recipeSchema,
  /** What the result is called if there will be one. */
  resultName: z.string(),
  resultFile: z.string(),
  /** Null until the rows have been counted. */
  steps: z.int().nullable(),
  /** As asked for; null for the ends of the last epochs. */
  askedSteps: z.array(z.int()).nullable(),
  /** Steps whose model is kept. */
  keptSteps: z.array(z.int()),
  /** Steps done, as of the last event. */
  stepsDone: z.int(),
});

export type JobRecord = z.output<typeof jobRecordSchema>;

export const jobEventSchema = z.object({
  id: z.string(),
  object: z.literal('fine_tuning.job.event'),
  created_at: z.int(),
  level: z.enum(['info', 'warn', 'error']),
  message: z.string(),
  type: z.enum(['message', 'metrics']),
  data: z.record(z.string(), z.union([z.number(), z.string()])).nullable(),
});

export type JobEvent = z.output<typeof jobEventSchema>;

export function isFinished({ status }: FineTuningJob): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}
