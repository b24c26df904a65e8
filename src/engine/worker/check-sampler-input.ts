import { z } from 'zod';

import { DriftlineError } from '../../foundation/driftline-error.js';
import { isHubReference } from '../checkpoint/hub-reference.js';
import { describeProblems } from '../sample/describe-problems.js';

/** Whether layers and widths fit the model is known only where it is loaded. */
const vectorsSchema = z.map(z.number(), z.instanceof(Float32Array));

const interventionsSchema = z.strictObject({
  add: vectorsSchema.optional(),
  remove: vectorsSchema.optional(),
  from: z.enum(['prompt', 'answer']).optional(),
});

const settingsSchema = z.strictObject({
  model: z.string().nonempty(),
  adapter: z.string().nonempty().optional(),
  interventions: interventionsSchema.optional(),
  threads: z.int().positive().optional(),
});

const optionsSchema = z.strictObject({
  slots: z.int().positive().optional(),
  interventions: interventionsSchema.optional(),
  onToken: z.custom<(token: never) => void>((value) => typeof value === 'function', 'expected a function').optional(),
  signal: z.instanceof(AbortSignal).optional(),
});

/** Refuses what a sampler cannot be opened with, before a thread is started for it. */
export function checkSamplerSettings(settings: unknown): void {
  const { model, adapter } = check(settingsSchema, settings, 'openSampler');
  for (const [name, value] of Object.entries({ model, adapter })) {
    if (value === undefined || !isHubReference(value)) continue;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `openSampler: ${name}: ${value} is a reference to the hub, not a folder`,
      hint: 'Give the folder that resolveModelFolder returns for it, or that of openModel.',
    });
  }
}

export function checkSampleOptions(options: unknown): void {
  check(optionsSchema, options, 'sample');
}

function check<Schema extends z.ZodObject>(schema: Schema, input: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const names = Object.keys(schema.shape);
  // Problems may lie in the interventions, too.
  const known = [...names, ...Object.keys(interventionsSchema.shape)];
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${what}: ${describeProblems(parsed.error, known)}`,
    hint: `Correct the settings. They are ${names.join(', ')}.`,
    cause: parsed.error,
  });
}
