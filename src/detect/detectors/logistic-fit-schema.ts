import { z } from 'zod';
import type { LogisticFitMany } from '../../stats/fit-logistic.js';

/** A fit that a file has. */
export const logisticFitSchema: z.ZodType<LogisticFitMany> = z.strictObject({
  intercept: z.number(),
  features: z.array(z.strictObject({ slope: z.number(), centre: z.number(), scale: z.number().positive() })),
});
