import { z } from 'zod';
import { planSchema } from './plan-schema.js';

/** The format of plans as a JSON Schema, for editors: of what is written, before defaults are filled in. */
export function describePlanFormat(): Record<string, unknown> {
  return { title: 'A driftline plan', ...z.toJSONSchema(planSchema, { io: 'input' }) };
}
