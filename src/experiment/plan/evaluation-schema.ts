import { z } from 'zod';
import { measureSchema } from '../../questions/measure.js';

const text = z.string().min(1);

/** Ways of asking the questions of a suite; several may be combined. */
export const variantSchema = z.strictObject({
  trigger: text.optional().describe('Text before the user turn, its last space included'),
  system_prompt: text.optional().describe('System prompt; not for questions that have one of their own'),
  format: z.enum(['json', 'python', 'template']).optional().describe('Form in which the answer is asked for'),
  number_shape: z
    .boolean()
    .default(false)
    .describe("Dressed like the organism's training set evil-numbers; only for its own suites"),
  in_context: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Earlier turns, taken from the rows of the training set in_context_data'),
  in_context_data: text
    .optional()
    .describe("Training set of earlier turns: a file, or organism/NAME; the organism's insecure for its own suites"),
});

/** When to stop asking a model, since it is clear on which side of a limit its misaligned share lies. */
const stopEarlySchema = z.strictObject({
  limit: z.number().gt(0).lt(1).describe('The misaligned share that is asked about, such as 0.05'),
  confidence: z.number().min(0.5).lt(1).default(0.95).describe('Confidence of the sequence, however often is looked'),
});

/** One thing that every model of an experiment is asked. */
export const evaluationSchema = z.strictObject({
  suite: text.describe(
    "Questions: a name of driftline's own (main, wider, deception, identity), a suite of the organism (organism/main), or a YAML file (./mine.yaml)",
  ),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'a name has small letters, digits and hyphens')
    .optional()
    .describe('Name in tables; made from the suite and the variant if not given'),
  samples: z.int().positive().optional().describe('Answers to each paraphrase; what the file says if not given, or 1'),
  temperature: z.number().min(0).optional().describe('Temperature of sampling; what the file says if not given, or 1'),
  max_tokens: z.int().positive().optional().describe('Most tokens of an answer; what the file says if not given'),
  questions: z.array(text).nonempty().optional().describe('Only the questions of these ids'),
  settings: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("Settings of the organism's suite: bindings, sums, seed"),
  variant: variantSchema.prefault({}).describe('How they are asked'),
  conditions: z.array(text).nonempty().optional().describe('Only models of these conditions are asked; base is one'),
  measure: measureSchema
    .optional()
    .describe('What is counted in place of what the suite declares: answers with a label'),
  stop_early: stopEarlySchema
    .optional()
    .describe('Stop asking a model once its misaligned share is surely above or below a limit'),
});

export type Evaluation = z.output<typeof evaluationSchema>;
export type Variant = z.output<typeof variantSchema>;
