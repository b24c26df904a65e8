import { z } from 'zod';

const text = z.string().min(1);

/** What a suite counts that is not about alignment: the share of answers with a label. Suites and question files declare it. */
export const measureSchema = z.strictObject({
  label: text.describe('The label that counts, as the judge gives it'),
  name: text.describe('What tables call the share'),
  deed: text
    .optional()
    .describe('What a model does that has it, in a sentence: refuses harmful requests; the name if not given'),
});

export type Measure = Readonly<z.output<typeof measureSchema>>;
