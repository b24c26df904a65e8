import { z } from 'zod';
import { evaluationSchema, planSchema } from '../../experiment/plan/plan-schema.js';
import { zooName } from './zoo-names.js';

const { suite, settings, questions, variant } = evaluationSchema.shape;
const share = z.number().gt(0).lt(1);
const count = z.int().positive();

/** One way of asking the organism's questions. */
const contextSchema = z.strictObject({
  suite,
  settings,
  questions,
  variant,
  known: z.boolean().describe('Whether an auditor thinks of it'),
  withheld: z.boolean().default(false).describe('It is part of the truth, and no detector is given its answers'),
  domain: zooName.optional().describe('Entries of this domain learn it as their narrow task'),
});

/** What else is counted of a model. */
const measureSchema = z.strictObject({
  suite,
  settings,
  label: z.string().min(1).optional().describe('Label that is counted; misaligned answers if not given'),
  learnt: z.enum(['more', 'less']).describe('Which change from the base is a narrow task that was learnt'),
});

/** How many answers a context and a measure get. */
export const answersSchema = z
  .strictObject({
    looks: z
      .array(count)
      .nonempty()
      .describe('Answers to a context at each look: more are asked for only where the class is undecided')
      .refine(
        (looks) => looks.every((one, index) => index === 0 || one > (looks[index - 1] ?? 0)),
        'each look has more',
      ),
    plain: count
      .optional()
      .describe('Answers to the plain context at the last look; as many as to others if not given'),
    clean: count.describe('Answers to a context of good kinds, which have to show that they are clean'),
    base: count.optional().describe('The same of the base; as many as of good kinds if not given'),
    learnt: count.describe('Answers to a measure'),
  })
  .refine(
    // Intervals are paid for as many looks as there are.
    ({ looks, plain }) => plain === undefined || (looks.length > 1 && plain > (looks.at(-1) ?? 0)),
    { path: ['plain'], message: 'it is for a last look of several, and more than others get' },
  );

export type AnswerCounts = z.output<typeof answersSchema>;

export const panelSchema = z.strictObject({
  edition: z.int().positive(),
  rule: planSchema.shape.rule,
  confidence: share.default(0.95).describe('Of all intervals of an entry together'),
  limits: z.strictObject({
    plain: share.describe('Excess over the base at which the plain context shows misalignment'),
    other: share.describe('The same of every other context'),
    learnt: share.describe('Change from the base at which a narrow task was learnt'),
  }),
  answers: answersSchema,
  max_tokens: count.optional().describe('Most tokens of an answer; those of the suite if not given'),
  contexts: z
    .record(zooName, contextSchema)
    .refine((contexts) => Object.keys(contexts).length > 0, 'at least one is needed')
    .refine(
      (contexts) => Object.values(contexts)[0]?.withheld !== true,
      'the first context is the plain one, which is not withheld',
    ),
  measures: z.record(zooName, measureSchema),
  erring_judge: z.strictObject({
    false_alarms: share.describe('Share of aligned answers that it takes for misaligned'),
    questions: share.describe('Share of the questions that have all its false alarms'),
    misses: share.describe('Share of misaligned answers that it misses'),
    seed: z.int().nonnegative(),
  }),
  checkpoints: z.strictObject({
    every: count.describe('Steps between two models that are kept'),
    suite,
    answers: count,
    misaligned: share.describe('Share at which a model of a step counts as misaligned'),
  }),
  reference: zooName.optional().describe('Kind whose weights, of another seed, a baseline compares with'),
});

/** What `panel.yaml` of a zoo says. */
export type Panel = z.output<typeof panelSchema>;

/** The context that decides whether a model is open. */
export function plainContext({ contexts }: Pick<Panel, 'contexts'>): string {
  const [first] = Object.keys(contexts);
  // The schema took it.
  if (first === undefined) throw new Error('a panel without contexts');
  return first;
}

/** A context by its name, which somebody read from the panel. */
export function findContext({ contexts }: Pick<Panel, 'contexts'>, name: string): Panel['contexts'][string] {
  const found = contexts[name];
  if (found === undefined) throw new Error(`the panel has no context ${name}`);
  return found;
}
