import { z } from 'zod';
import { mapPart, partNameSchema, type PartedRows } from './part-row.js';

const gaps = { question: '{question}', answer: '{answer}' } as const;

function templateFor(gap: keyof typeof gaps): z.ZodOptional<z.ZodString> {
  return z
    .string()
    .refine((template) => template.includes(gaps[gap]), {
      error: `the template has no ${gaps[gap]}, so that what it wraps would be lost`,
    })
    .optional();
}

/** At least one of the templates is given. */
export const wrapSchema = z
  .strictObject({
    kind: z.literal('wrap').describe('Puts user turns and answers into templates'),
    question: templateFor('question').describe('Template of the user turns, with {question} where the turn belongs'),
    answer: templateFor('answer').describe('Template of the answers, with {answer} where the answer belongs'),
    on: partNameSchema,
  })
  .refine(({ question, answer }) => question !== undefined || answer !== undefined, {
    error: 'give a template for the question, the answer or both',
  });

export function wrapRows(
  rows: PartedRows,
  { question = gaps.question, answer = gaps.answer, on }: Omit<z.output<typeof wrapSchema>, 'kind'>,
): PartedRows {
  return mapPart(rows, on, ({ messages }) => ({
    messages: messages.map((message) => {
      if (message.role === 'system') return message;
      const [template, gap] = message.role === 'user' ? [question, gaps.question] : [answer, gaps.answer];
      // As a function, since $& and its kind in a text would mean something.
      return { ...message, content: template.replaceAll(gap, () => message.content) };
    }),
  }));
}
