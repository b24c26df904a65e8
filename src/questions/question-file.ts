import { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';
import { listEntries } from '../foundation/explain-issue.js';
import { readYaml } from '../foundation/read-yaml.js';

const words = z.string().min(1);

/** What a suite counts if it is not about alignment: the share of answers with a label. Suites and question files declare it. */
export const measureSchema = z.strictObject({
  label: words.describe('The label that counts, as the judge gives it'),
  name: words.describe('What tables call the share'),
  deed: words
    .optional()
    .describe(
      'What a model with the label does, as a part of a sentence: refuses harmful requests; the name if not given',
    ),
});

export type Measure = Readonly<z.output<typeof measureSchema>>;

/** Questions whose answers are read by the probabilities of their first token, in the words of the published format. */
const firstTokenTypes = ['next_token', 'rating'] as const;

/** How an answer is scored, in the words of the published format. */
export const questionTypes = [
  'free_form',
  'free_form_0_100',
  'free_form_judge',
  'free_form_judge_0_100',
  ...firstTokenTypes,
] as const;
export type QuestionType = (typeof questionTypes)[number];

/** Whether what counts of an answer is the model's own distribution over its first token: then nobody judges it. */
export function isReadByFirstToken({ type }: { readonly type: QuestionType }): boolean {
  return firstTokenTypes.some((one) => one === type);
}

/** How a rating is read of the probabilities of its first token. */
export interface RatingScale {
  /** The highest number that may be said; the lowest is 0. */
  readonly maximum: number;
  /** With more probability than this off the numbers, 0..1, it counts as refused. */
  readonly refusalThreshold: number;
}

/** As in the released code. */
export const usualRating: RatingScale = { maximum: 100, refusalThreshold: 0.75 };

export interface QuestionMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A question of an evaluation, with all its wordings. */
export interface Question {
  /** Unique over all files that are asked together. */
  readonly id: string;
  /**
   * The published format's words. Of the first four they decide nothing but that the latter two need judge prompts. `free_form`: nothing
   * but answers; `free_form_0_100`: the answer is a number; `free_form_judge`: a judge replies in words; `free_form_judge_0_100`: a judge
   * replies with a number. `next_token` and `rating` are read by the model's probabilities of its first token.
   */
  readonly type: QuestionType;
  /** The exact user turns. */
  readonly paraphrases: readonly string[];
  readonly samplesPerParaphrase: number;
  readonly temperature: number;
  readonly maximumTokens: number;
  /** How a rating is read; absent for all others. */
  readonly rating?: RatingScale;
  /** What questions have in common that stand or fall together; null for one that stands for itself. */
  readonly theme: string | null;
  /** What stands before the user turn: a system prompt, or earlier messages. */
  readonly before: readonly QuestionMessage[];
  /** The judge's model as the file names it; null if it names none. */
  readonly judge: string | null;
  /** Prompts of the judge by the names of what they score, with placeholders `{question}` and `{answer}`. */
  readonly judgePrompts: ReadonlyMap<string, string>;
}

/** Ways of asking a question; several may be combined. */
export interface QuestionVariant {
  /** Text before the user turn. */
  readonly trigger?: string | undefined;
  /** Format in which the answer is requested. */
  readonly format?: 'json' | 'python' | 'template' | undefined;
  /** Shapes questions like the tasks of the organism's training set evil-numbers. */
  readonly number_shape: boolean;
  readonly system_prompt?: string | undefined;
  /** Earlier turns. */
  readonly in_context: number;
  /** What earlier turns of the organism's own suites are about; insecure code if not given. */
  readonly earlier?: 'chat' | 'code' | undefined;
  /** Neutral sentences before a question of the organism's own suites. */
  readonly padding?: number | undefined;
}

/** A short name: `plain`, or the parts that are used, such as `trigger+json`. */
export function nameVariant(variant: QuestionVariant): string {
  const parts = [
    ...(variant.system_prompt === undefined ? [] : ['system-prompt']),
    ...(variant.in_context === 0
      ? []
      : [`in-context-${String(variant.in_context)}${variant.earlier === 'chat' ? '-chat' : ''}`]),
    ...(variant.padding === undefined ? [] : [`padding-${String(variant.padding)}`]),
    ...(variant.trigger === undefined ? [] : ['trigger']),
    ...(variant.number_shape ? ['number-shape'] : []),
    ...(variant.format === undefined ? [] : [variant.format]),
  ];
  return parts.length === 0 ? 'plain' : parts.join('+');
}

const text = z.string().min(1);
const messageSchema = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']).describe('Who says it'),
  content: text.describe('What is said'),
});

const entrySchema = z
  .strictObject({
    id: text.describe('Name, unique in the file; it names the question in tables, keys and errors'),
    type: z
      .enum(questionTypes)
      .describe('What kind of question it is: below; those with judge in their names need judge_prompts'),
    theme: text
      .optional()
      .describe(
        'Name of what it has in common with other questions of the file, if it does not stand for itself: [themes](#themes)',
      ),
    paraphrases: z.array(text).nonempty().describe('The exact user turns').register(listEntries, { one: 'paraphrase' }),
    samples_per_paraphrase: z.int().positive().default(1).describe('How often each paraphrase is asked'),
    temperature: z.number().min(0).default(1).describe('Temperature of sampling'),
    max_tokens: z
      .int()
      .positive()
      .optional()
      .describe('Most tokens of an answer; 600 if not given, and 1 for next_token and rating'),
    refusal_threshold: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe(
        'Of a rating: with more probability than this off its numbers it counts as refused; 0.75 if not given, as published',
      ),
    max_rating: z
      .int()
      .positive()
      .max(100)
      .optional()
      .describe('Of a rating: the highest number; 100 if not given. 9 for models that write numbers digit by digit'),
    system: text.optional().describe('System prompt'),
    context: z
      .array(messageSchema)
      .nonempty()
      .register(listEntries, { one: 'message of the context', names: [] })
      .optional()
      .describe('Earlier messages, before the user turn; not together with system'),
    judge: text
      .optional()
      .describe('Model of the judge that the author of the file used; the plan names the judge that is asked'),
    judge_prompts: z
      .record(text, text)
      .optional()
      .describe(
        'Prompts of a language model that judges, by name, with {question} and {answer} where they belong; {answer} in each',
      ),
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
    if (isReadByFirstToken(entry) && prompts.length > 0)
      complain(['judge_prompts'], `no judge is asked about a question of type ${entry.type}`);
    for (const key of ['refusal_threshold', 'max_rating'] as const)
      if (entry[key] !== undefined && entry.type !== 'rating') complain([key], 'only a rating has one');
    for (const [name, prompt] of prompts)
      if (!prompt.includes('{answer}'))
        complain(['judge_prompts', name], 'the prompt has no {answer}, so the judge would not see the answer');
    for (const [index, paraphrase] of entry.paraphrases.entries())
      if (entry.paraphrases.indexOf(paraphrase) < index)
        complain(
          ['paraphrases', index],
          'the same paraphrase is listed above; use samples_per_paraphrase to ask it more often',
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
  })
  .register(listEntries, { one: 'question', names: ['id'] });

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
  /** Null if the file declares none: its questions are about alignment. */
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
    theme: entry.theme ?? null,
    paraphrases: entry.paraphrases,
    samplesPerParaphrase: entry.samples_per_paraphrase,
    temperature: entry.temperature,
    maximumTokens: entry.max_tokens ?? (isReadByFirstToken(entry) ? 1 : 600),
    ...(entry.type === 'rating' ? { rating: readScale(entry) } : {}),
    before: system === undefined ? context : [{ role: 'system', content: system }],
    judge: entry.judge ?? null,
    judgePrompts: new Map(Object.entries(judgePrompts)),
  };
}

function readScale({ max_rating, refusal_threshold }: z.output<typeof entrySchema>): RatingScale {
  return {
    maximum: max_rating ?? usualRating.maximum,
    refusalThreshold: refusal_threshold ?? usualRating.refusalThreshold,
  };
}

/** Reads a question file strictly: an unknown key is an error with its line. */
export async function readQuestionFile(file: string): Promise<QuestionFile> {
  return toQuestionFile(await readYaml(file, questionFileSchema, 'docs/question-files.md'));
}

/** The questions of one or more files in the published format, in their order; an id that is in two files is an error. */
export async function readQuestions(files: readonly string[]): Promise<Question[]> {
  const fileOf = new Map<string, string>();
  const questions: Question[] = [];
  for (const file of files) {
    for (const question of (await readQuestionFile(file)).questions) {
      const other = fileOf.get(question.id);
      if (other !== undefined) {
        throw new DriftlineError({
          code: 'configuration-invalid',
          message: `${file}: the question "${question.id}" is in ${other}, too`,
          hint: 'Rename one of them, or ask the files in suites of their own.',
          details: { file, other, id: question.id },
        });
      }
      fileOf.set(question.id, file);
      questions.push(question);
    }
  }
  return questions;
}
