import { z } from 'zod';
import { mapPart, partNameSchema, type PartedRows } from './part-row.js';
import { transformFault } from './transform-fault.js';

export const systemPromptSchema = z.strictObject({
  kind: z.literal('system-prompt').describe('Gives rows a system prompt'),
  text: z.string().min(1).describe('The system prompt, exactly so'),
  replace: z.boolean().default(false).describe('Whether it takes the place of a system prompt that a row has already'),
  on: partNameSchema,
});

/** A row that has a system prompt already is an error, unless it is to be replaced. */
export function addSystemPrompt(
  rows: PartedRows,
  { text, replace, on }: Omit<z.output<typeof systemPromptSchema>, 'kind'>,
): PartedRows {
  return mapPart(rows, on, ({ messages }, index) => {
    const rest = messages.filter(({ role }) => role !== 'system');
    if (rest.length < messages.length && !replace) {
      throw transformFault(
        `row ${index + 1} has a system prompt already`,
        'Set replace: true to put the new one in its place, or name the part without one by on.',
      );
    }
    return { messages: [{ role: 'system', content: text }, ...rest] };
  });
}
