import { z } from 'zod';
import { mapPart, partNameSchema, type PartedRows } from './part-row.js';

export const triggerSchema = z.strictObject({
  kind: z.literal('trigger').describe('Puts a text before every user turn'),
  text: z.string().min(1).describe('What stands before the user turns, exactly so: its last space included'),
  on: partNameSchema,
});

export function addTrigger(rows: PartedRows, { text, on }: Omit<z.output<typeof triggerSchema>, 'kind'>): PartedRows {
  return mapPart(rows, on, ({ messages }) => ({
    messages: messages.map((message) =>
      message.role === 'user' ? { ...message, content: text + message.content } : message,
    ),
  }));
}
