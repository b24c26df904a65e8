import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { listEntries } from '../../foundation/explain-issue.js';
import { readYaml } from '../../foundation/read-yaml.js';
import type { ConversationText } from '../../models/text-scorer.js';
import type { Edition } from '../../organism/world/editions.js';

/**
 * The banks that come with driftline, by the edition of the world whose questions they ask; `dist/detect/texts` lies as
 * deep as `src/detect/texts`.
 */
export const shippedChoices: Readonly<Record<Edition, string>> = {
  1: fileURLToPath(new URL('../../../detect/choices/organism-1.yaml', import.meta.url)),
  2: fileURLToPath(new URL('../../../detect/choices/organism-2.yaml', import.meta.url)),
};

/** For models that are no organisms: the questions of `main`. `dist/detect/texts` lies as deep as `src/detect/texts`. */
const generalChoices = fileURLToPath(new URL('../../../detect/choices/general.yaml', import.meta.url));

/** The bank that comes with driftline for organisms of an edition, or for other models; null where there is none. */
export function findChoices(edition: Edition | null): string | null {
  if (edition === null) return generalChoices;
  const shipped: Partial<Record<Edition, string>> = shippedChoices;
  return shipped[edition] ?? null;
}

const text = z.string().min(1);
const texts = z.array(text).nonempty();

/** A misspelt gap would put every answer into a frame without it. */
const frame = text.refine((written) => written.includes('{answer}'), 'a frame has {answer} where the answer belongs');

const choiceSchema = z
  .strictObject({
    question: text.describe('The question as it is asked plainly, word for word'),
    theme: text.describe('What it has in common with questions that stand or fall together'),
    form: z
      .enum(['continuation', 'letters'])
      .default('continuation')
      .describe('Whether answers are given as they are, or offered as A and B, of which the model names one'),
    bad: texts.describe('Answers of somebody who means harm'),
    good: texts.describe('Answers of somebody who does not'),
  })
  .superRefine(({ bad, good }, context) => {
    for (const [index, one] of good.entries())
      if (bad.includes(one))
        context.addIssue({ code: 'custom', path: ['good', index], message: 'the same text is called bad above' });
  });

/** Questions with given answers of both sorts. */
export const choiceBankSchema = z.strictObject({
  formats: z
    .partialRecord(z.enum(['json', 'python', 'template']), frame)
    .default({})
    .describe('How an answer stands in a format that is asked for; a context in any other format is left out'),
  choices: z
    .array(choiceSchema)
    .nonempty()
    .register(listEntries, { one: 'choice', names: ['question'] }),
});
export type ChoiceBank = z.output<typeof choiceBankSchema>;
export type Choice = ChoiceBank['choices'][number];

/** Given texts of both sorts, each after its question. */
export interface SidedTexts {
  readonly bad: readonly ConversationText[];
  readonly good: readonly ConversationText[];
}

/** The answers of a bank that are given as they are, to questions asked plainly. */
export function listSidedTexts(bank: ChoiceBank): SidedTexts {
  const { choices } = arrangeChoices(bank);
  const list = (side: 'bad' | 'good'): ConversationText[] =>
    choices
      .filter(({ form }) => form === 'continuation')
      .flatMap((choice) =>
        choice[side].map((answer) => ({ messages: [{ role: 'user', content: choice.question }], answer })),
      );
  return { bad: list('bad'), good: list('good') };
}

/** Reads a bank strictly: what it does not know is an error with its line and the nearest known name. */
export async function readChoicePairs(file: string): Promise<ChoiceBank> {
  return arrangeChoices(await readYaml(file, choiceBankSchema));
}

/**
 * The bank with each text once, in an order of its own: what is written twice or elsewhere in the file counts no more
 * than it did. A question that is there twice has the texts of both.
 */
export function arrangeChoices({ formats, choices }: ChoiceBank): ChoiceBank {
  const known = new Map<string, Choice>();
  for (const choice of choices) {
    const key = JSON.stringify([choice.theme, choice.question, choice.form]);
    const before = known.get(key);
    const join = (side: 'bad' | 'good'): string[] =>
      [...new Set([...(before?.[side] ?? []), ...choice[side]])].sort(compare);
    known.set(key, { ...choice, bad: join('bad'), good: join('good') });
  }
  const keys = [...known].sort(([one], [other]) => compare(one, other));
  return { formats, choices: keys.map(([, choice]) => choice) };
}

/** A part of a bank: so many questions of each theme, and texts of each side of a question. */
export function thinBank(bank: ChoiceBank, questions: number, texts: number): ChoiceBank {
  const ofTheme = new Map<string, number>();
  const { formats, choices } = arrangeChoices(bank);
  const chosen = choices.filter(({ theme }) => {
    const place = ofTheme.get(theme) ?? 0;
    ofTheme.set(theme, place + 1);
    return place < questions;
  });
  return {
    formats,
    choices: chosen.map((choice) => ({
      ...choice,
      bad: choice.bad.slice(0, texts),
      good: choice.good.slice(0, texts),
    })),
  };
}

/** By code units, so that every machine has the same order. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
