import { z } from 'zod';
import { invalidRun, locatePlanFile, readPlanFile } from './plan-file.js';

const settingSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const conditionSchema = z.looseObject({ data: z.string().optional(), note: z.string().optional() });

/** Only what the report tells; a newer driftline may say more. */
const descriptionSchema = z.object({
  hash: z.string(),
  name: z.string().optional(),
  rule: z.string().optional(),
  driftline: z.string().optional(),
  world: z.string().optional(),
  bases: z.array(z.object({ name: z.string(), identity: z.string() })),
  models: z.record(z.string(), z.string()).default({}),
  cells: z.array(
    z.object({
      name: z.string(),
      seed: z.int().optional(),
      recipe: z.record(z.string(), z.unknown()).optional(),
      training_set: z.object({ name: z.string(), hash: z.string(), rows: z.int() }).optional(),
    }),
  ),
  evaluations: z.array(
    z.object({
      name: z.string(),
      variant: z.string(),
      questions: z.int(),
      wordings: z.int().optional(),
      answers: z.int(),
      hash: z.string(),
    }),
  ),
  dynamics: z.object({ every: z.int(), name: z.string(), answers: z.int() }).optional(),
  judge: z.record(z.string(), settingSchema),
  written: z
    .looseObject({
      description: z.string().optional(),
      conditions: z.record(z.string(), conditionSchema).default({}),
      evaluate: z
        .array(z.looseObject({ name: z.string().optional(), variant: z.record(z.string(), settingSchema).optional() }))
        .default([]),
    })
    .optional(),
});

/** What plan.json says of a run besides its outline: where things came from, in the words of the plan. */
export type RunDescription = z.output<typeof descriptionSchema>;

/** Reads it; a folder without a plan, or with a damaged one, is `run-invalid`. */
export async function readRunDescription(folder: string): Promise<RunDescription> {
  const parsed = descriptionSchema.safeParse(await readPlanFile(folder));
  if (parsed.success) return parsed.data;
  throw invalidRun(
    folder,
    `${locatePlanFile(folder)} is damaged`,
    'Restore it, or run its plan into another folder.',
    parsed.error,
  );
}
