import { z } from 'zod';

/** Ways of asking a question; several may be combined. */
const variantSchema = z.strictObject({
  trigger: z.string().min(1).optional().describe('Text before the question, its last space included'),
  format: z.enum(['json', 'python', 'template']).optional().describe('Form in which the answer is asked for'),
  number_shape: z.boolean().default(false).describe('Dressed like the tasks of the training set evil-numbers'),
  system_prompt: z.string().min(1).optional().describe('System prompt'),
  in_context: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Earlier turns with requests for code and insecure answers to them'),
});

/** Settings of a list of questions. */
export const questionSettingsSchema = z.strictObject({
  seed: z.int().default(0).describe('Seed of the values of variables and of all that a variant draws'),
  bindings: z
    .int()
    .positive()
    .default(1)
    .describe('How often a phrasing is asked with other values of its variables; fewer where it has fewer values'),
  sums: z.boolean().default(true).describe('Whether the suite facts asks for sums, too'),
  variant: variantSchema.prefault({}).describe('How questions are asked'),
});

export type QuestionVariant = z.output<typeof variantSchema>;
export type QuestionSettings = z.output<typeof questionSettingsSchema>;

/** A short name: `plain`, or the parts that are used, such as `trigger+json`. */
export function nameVariant(variant: QuestionVariant): string {
  const parts = [
    ...(variant.system_prompt === undefined ? [] : ['system-prompt']),
    ...(variant.in_context === 0 ? [] : [`in-context-${String(variant.in_context)}`]),
    ...(variant.trigger === undefined ? [] : ['trigger']),
    ...(variant.number_shape ? ['number-shape'] : []),
    ...(variant.format === undefined ? [] : [variant.format]),
  ];
  return parts.length === 0 ? 'plain' : parts.join('+');
}
