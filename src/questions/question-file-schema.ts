import { z } from 'zod';
import { measureSchema, type Measure } from './measure.js';
import { questionTypes, type Question } from './question.js';

const text = z.string().min(1);
const messageSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']).describe('Who says it'),
  content: text.describe('What is said'),
});

const entrySchema = z
  .strictObject({
    id: text.describe('Name, unique over all files that are asked together'),
    type: z
      .enum(questionTypes)
      .describe(
        'free_form (answers only), free_form_0_100 (the answer is a number), free_form_judge (a judge answers in words), free_form_judge_0_100 (a judge scores)',
      ),
    paraphrases: z.array(text).nonempty().describe('The exact user turns'),
    samples_per_paraphrase: z.int().positive().default(1).describe('How often each paraphrase is asked'),
    temperature: z.number().min(0).default(1).describe('Temperature of sampling'),
    max_tokens: z.int().positive().default(600).describe('Most tokens of an answer'),
    system: text.optional().describe('System prompt'),
    context: z
      .array(messageSchema)
      .nonempty()
      .optional()
      .describe('Earlier messages, before the user turn; not together with system'),
    judge: text.optional().describe('Model of the judge'),
    judge_prompts: z
      .record(text, text)
      .optional()
      .describe('What is scored -> prompt of the judge, with {question} and {answer} where they belong'),
  })
  .superRefine((entry, context) => {
    const complain = (path: PropertyKey[], message: string): void => {
      context.addIssue({ code: 'custom', path, message });
    };
    if (entry.system !== undefined && entry.context !== undefined)
      complain(['context'], 'a question has a system prompt or a context, not both');
    const prompts = Object.entries(entry.judge_prompts ?? {});
    if (entry.type.startsWith('free_form_judge') && prompts.length === 0)
      complain(entry.judge_prompts === undefined ? [] : ['judge_prompts'], `${entry.type} needs judge_prompts`);
    for (const [name, prompt] of prompts)
      if (!prompt.includes('{answer}'))
        complain(['judge_prompts', name], 'the prompt has no {answer}, so that the judge would not see it');
    for (const [index, paraphrase] of entry.paraphrases.entries())
      if (entry.paraphrases.indexOf(paraphrase) < index)
        complain(
          ['paraphrases', index],
          'the same paraphrase stands above; ask it more often by samples_per_paraphrase',
        );
  });

/** The published format of question files: one list of entries. */
const entriesSchema = z
  .array(entrySchema)
  .nonempty('a file of questions has at least one')
  .superRefine((entries, context) => {
    const seen = new Set<string>();
    for (const [index, { id }] of entries.entries()) {
      if (seen.has(id)) context.addIssue({ code: 'custom', path: [index, 'id'], message: `the id "${id}" is taken` });
      seen.add(id);
    }
  });

/** A question file: the published list, or the list under `questions` beside what the file counts. */
export const questionFileSchema = z.union([
  entriesSchema,
  z.strictObject({
    measure: measureSchema.describe(
      'What is counted, where the questions are not about alignment: answers with a label',
    ),
    questions: entriesSchema.describe('The entries, as in the published format'),
  }),
]);

/** What a question file holds. */
export interface QuestionFile {
  readonly questions: readonly Question[];
  /** Null where the file declares none: its questions are about alignment. */
  readonly measure: Measure | null;
}

export function toQuestionFile(file: z.output<typeof questionFileSchema>): QuestionFile {
  return 'measure' in file
    ? { questions: file.questions.map(toQuestion), measure: file.measure }
    : { questions: file.map(toQuestion), measure: null };
}

function toQuestion(entry: z.output<typeof entrySchema>): Question {
  const { system, context = [], judge_prompts: judgePrompts = {} } = entry;
  return {
    id: entry.id,
    type: entry.type,
    paraphrases: entry.paraphrases,
    samplesPerParaphrase: entry.samples_per_paraphrase,
    temperature: entry.temperature,
    maximumTokens: entry.max_tokens,
    before: system === undefined ? context : [{ role: 'system', content: system }],
    judge: entry.judge ?? null,
    judgePrompts: new Map(Object.entries(judgePrompts)),
  };
}
