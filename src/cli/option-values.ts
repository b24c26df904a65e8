import { z } from 'zod';

/** A whole number of at least `least`, as one types it. */
export function wholeNumber(least = 0): z.ZodType<number, string> {
  const message = `not a whole number of at least ${least}`;
  return z
    .string()
    .regex(/^\d+$/, message)
    .transform(Number)
    .refine((value) => Number.isSafeInteger(value) && value >= least, message);
}

/** A decimal number between two others, both included. */
export function decimalNumber(least: number, most: number): z.ZodType<number, string> {
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  const message = `not a number ${range}`;
  return z
    .string()
    .regex(/^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, message)
    .transform(Number)
    .refine((value) => Number.isFinite(value) && value >= least && value <= most, message);
}

export const nonEmptyText = z.string().min(1, 'empty');

/** The schema of an option without a value. */
export const flag = z.boolean().default(false);
