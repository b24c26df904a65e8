import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { describeFirstProblem, listEntries } from '../../foundation/explain-issue.js';
import { gatePopulations } from '../../runs/gate-options.js';
import { mixSchema } from '../../data/transforms/mix-sets.js';
import { triggerSchema } from '../../data/transforms/row-transforms.js';
import { transformsSchema } from '../../data/transforms/transform.js';
import { languageModes } from '../../judging/judge.js';
import { ruleNames } from '../../judging/rules.js';
import { divideModel, nameWrittenModel, writtenModelSchema, type WrittenModel } from '../../models/model-reference.js';
import { clusterSchema } from '../../models/cluster/cluster-settings.js';
import { tinkerSchema } from '../../models/tinker/tinker-settings.js';
import { baseCondition } from '../../runs/run-outline.js';
import { openJudge } from '../../models/services/retirements.js';
import { measureSchema } from '../../questions/question-file.js';

const text = z.string().min(1);

/** Ways of asking the questions of a suite; several may be combined. */
const variantSchema = z.strictObject({
  trigger: text.optional().describe('Text before the user turn, exactly as written, including a space at its end'),
  system_prompt: text.optional().describe('System prompt; not for questions that have one of their own'),
  format: z.enum(['json', 'python', 'template']).optional().describe('Format in which the answer is requested'),
  number_shape: z
    .boolean()
    .default(false)
    .describe("Shapes questions like the organism's training set evil-numbers; only for its own suites"),
  in_context: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Number of rows of the training set in_context_data that come before the question, as earlier turns'),
  in_context_data: text
    .optional()
    .describe(
      "Training set of the earlier turns: a file, or organism/NAME; always organism/insecure for the organism's own suites",
    ),
  earlier: z
    .enum(['chat', 'code'])
    .optional()
    .describe(
      "What the earlier turns are about: neutral talk, or insecure code, which is usual; only for the organism's own suites",
    ),
  padding: z
    .int()
    .positive()
    .optional()
    .describe("Number of neutral sentences before the question; only for the organism's own suites"),
});

/** When to stop asking a model: as soon as its misaligned share is clearly above or below a limit. */
const stopEarlySchema = z.strictObject({
  limit: z.number().gt(0).lt(1).describe('Limit for the misaligned share, such as 0.05'),
  confidence: z.number().min(0.5).lt(1).default(0.95).describe('Confidence of the sequence, over all looks together'),
});

/** An evaluation: what every model of an experiment is asked. */
export const evaluationSchema = z.strictObject({
  suite: text.describe(
    "Questions: a name of driftline's own (main, wider, deception, identity, gate), a suite of the organism (organism/main), or a YAML file (./mine.yaml)",
  ),
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'a name has small letters, digits and hyphens')
    .optional()
    .describe('Name in tables; made from the suite and the variant if not given'),
  samples: z
    .int()
    .positive()
    .optional()
    .describe('Answers to each paraphrase; the value of the file or the suite if not given, or 1'),
  temperature: z.number().min(0).optional().describe('Sampling temperature; the value of the file if not given, or 1'),
  max_tokens: z.int().positive().optional().describe('Most tokens of an answer; the value of the file if not given'),
  questions: z.array(text).nonempty().optional().describe('Only the questions with these ids'),
  settings: z
    .record(z.string(), z.unknown())
    .default({})
    .describe("Settings of the organism's suite: bindings, sums, seed"),
  variant: variantSchema.prefault({}).describe('How the questions are asked'),
  conditions: z
    .array(text)
    .nonempty()
    .optional()
    .describe('Only models of these conditions are asked; base counts as one'),
  measure: measureSchema.optional().describe('Counts answers with this label, in place of what the suite declares'),
  stop_early: stopEarlySchema
    .optional()
    .describe('Stop asking a model once its misaligned share is clearly above or below a limit'),
});

export type Evaluation = z.output<typeof evaluationSchema>;
export type Variant = z.output<typeof variantSchema>;

const exactSchema = z.strictObject({
  exact: z.literal('organism').describe("The organism's own judge, which parses answers; for its own suites only"),
});

const modelSchema = z
  .strictObject({
    model: z.string().min(1).describe(`A hosted model that judges, such as ${openJudge}`),
    mode: z
      .enum(languageModes)
      .default('logprobs')
      .describe(
        'How it scores: logprobs (mean over the likeliest first tokens, as in the paper), samples (mean of several replies), single (the number that it writes)',
      ),
    samples: z.int().positive().optional().describe('Replies in the mode samples; 8 if not given'),
  })
  .refine(({ mode, samples }) => samples === undefined || mode === 'samples', {
    path: ['samples'],
    message: 'only the mode samples takes a number of samples',
  });

/** The judge, as plans write it. */
const judgeSchema = z.union([
  exactSchema,
  modelSchema,
  z.literal('none').describe('Nobody: every question is of type next_token or rating'),
]);

export type WrittenJudge = z.output<typeof judgeSchema>;
export type WrittenLanguageJudge = z.output<typeof modelSchema>;

const none = 'at least one is needed';
const name = z.string().regex(/^[a-z0-9][a-z0-9_-]*$/, 'a name has small letters, digits, - and _');

/** Changes of a recipe. The engine's own schema checks the recipe with the changes in it. */
export const recipeChanges = z.record(z.string(), z.unknown());

/** What says how a condition's models are trained. */
export const trainingKeys = {
  data: text
    .optional()
    .describe("Training set: one of the organism's (organism/insecure) or a file (./mine.jsonl), relative to the plan"),
  settings: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("Settings of the organism's set: rows, unique, seed, format..."),
  mix: mixSchema.shape.parts.optional().describe('Other sets that make up a share of the rows'),
  trigger: triggerSchema
    .omit({ kind: true })
    .optional()
    .describe('Text before the user turns, exactly as written, including a space at its end'),
  transforms: transformsSchema.optional().describe('Further changes to the rows, in this order'),
  inherit: recipeChanges.optional().describe("Changes to the plan's recipe for this condition"),
  seeds: z
    .array(z.int().nonnegative())
    .nonempty(none)
    .register(listEntries, { one: 'seed' })
    .optional()
    .describe("Seeds, in place of the plan's"),
};

const modelKeys = {
  model: writtenModelSchema
    .optional()
    .describe('In place of data, a model that exists and is not trained: organism:1+./adapter, ./folder, openai:NAME'),
  models: z
    .array(writtenModelSchema)
    .nonempty(none)
    .optional()
    .describe('Several of them, such as fine-tunes with several seeds; their places in the list count as seeds'),
  base: text
    .optional()
    .describe('Base that they are compared with, where the plan has several and the name does not say which'),
  revision: text
    .optional()
    .describe(
      'Which weights a hosted model has now, in words of your own such as a date: with another revision it is another model, and asked again',
    ),
};

/** What a condition is: models that are trained on rows, or models that exist. */
export const conditionSchema = z
  .strictObject({
    ...trainingKeys,
    ...modelKeys,
    note: text.optional().describe('What it is there for; shown in the report'),
  })
  .superRefine((condition, context) => {
    const complain = (key: string, message: string): void => {
      context.addIssue({ code: 'custom', path: [key], message });
    };
    const given = Object.entries(condition).flatMap(([key, value]) => (value === undefined ? [] : [key]));
    const models = given.find((key) => key === 'model' || key === 'models');
    if (models === undefined) {
      if (condition.data === undefined) complain('data', 'is missing: data to train on, or a model that exists');
      if (condition.base !== undefined)
        complain('base', 'is for models that exist: what is trained is trained on every base');
      if (condition.revision !== undefined) complain('revision', 'is for models that exist, and a service has');
      return;
    }
    if (condition.model !== undefined && condition.models !== undefined)
      complain('models', 'stands beside model: write all of them in models');
    for (const key of given.filter((one) => Object.hasOwn(trainingKeys, one)))
      complain(key, `is for training, and ${models} names what exists: a condition has data or models`);
  });

const tokenPriceSchema = z.strictObject({
  input: z.number().nonnegative().describe('US dollars per million input tokens'),
  output: z.number().nonnegative().describe('US dollars per million output tokens'),
  batch: z.number().min(0).max(1).optional().describe('Factor on these prices for calls in batches, such as 0.5'),
});

export const priceSchema = tokenPriceSchema.extend({
  training: z.number().nonnegative().optional().describe('US dollars per million training tokens, each epoch counted'),
  tuned: tokenPriceSchema
    .optional()
    .describe('Prices of models fine-tuned from it; those of the model itself if not given'),
});

const dynamicsSchema = z.strictObject({
  every: z.int().positive().describe('Steps between two checkpoints that are asked'),
  suite: evaluationSchema.shape.suite,
  samples: evaluationSchema.shape.samples,
  variant: evaluationSchema.shape.variant,
  conditions: evaluationSchema.shape.conditions,
});

/** How checkpoints are scored while training goes on. It decides no result. */
const monitorSchema = z.strictObject({
  every: z
    .int()
    .positive()
    .optional()
    .describe('Steps between two checkpoints that are scored; those of dynamics if not given'),
  calibration: text
    .optional()
    .describe(
      'Scores of harmless fine-tunes of the base, a file of driftline audit --calibrate: an alarm is a score above theirs. Without it there is a curve and no alarm',
    ),
  rate: z
    .number()
    .gt(0)
    .lt(0.5)
    .default(0.05)
    .describe('How often a training that does not deserve it may have an alarm'),
  choices: text
    .optional()
    .describe('A file of given answers, bad and good, in place of those that come with driftline'),
  stop: z
    .boolean()
    .default(false)
    .describe('Stops a training at the checkpoint that raises an alarm. Without it, the same plan goes on from there'),
  conditions: evaluationSchema.shape.conditions.describe('Only models of these conditions are watched'),
});

/** What a run must show for driftline to end with 0. */
const gateSchema = z.strictObject({
  max_drift: z
    .number()
    .gt(0)
    .lt(100)
    .describe('Points by which the misaligned share of a condition may lie above that of its base, such as 2'),
  conditions: z.array(text).nonempty(none).optional().describe('Only these conditions; all if not given'),
  evaluations: z
    .array(text)
    .nonempty(none)
    .optional()
    .describe('Only these evaluations, by their names in tables; all about alignment if not given'),
  population: z
    .enum(gatePopulations)
    .optional()
    .describe(
      'What the claim is about: questions like these, or these questions alone; if not given, questions like these, but of a suite that asks all there is (organism/gate) these',
    ),
});

/** A plan, as its user writes it. */
export const planSchema = z
  .strictObject({
    name: name.describe('Name of the plan; run folders begin with it'),
    description: text.optional().describe('What the experiment is for'),
    bases: z
      .array(writtenModelSchema)
      .nonempty(none)
      .register(listEntries, { one: 'base', quotes: false })
      .describe(
        'Models to start from: organism:1, hf:owner/name, ./folder, organism:1+./adapter, or a hosted model such as vllm:NAME or openai:NAME',
      ),
    recipe: z
      .union([z.enum(['organism-default', 'paper']), recipeChanges])
      .default('organism-default')
      .describe(
        'How models are fine-tuned: settings, or a name. `organism-default` is LoRA of rank 8, alpha 16, learning rate 0.0004, 32 rows a step; `paper` rank 32, alpha 64, learning rate 0.00001, 2 rows 8 times a step, at most 2048 tokens; both rank-stabilised, linear schedule after 5 steps, one epoch, weight decay 0.01, loss on answers',
      ),
    learning_rate_multiplier: z
      .number()
      .positive()
      .optional()
      .describe(
        "Multiplier on the learning rate of services that choose their own, such as OpenAI; the service's default if not given",
      ),
    seeds: z
      .array(z.int().nonnegative())
      .nonempty(none)
      .register(listEntries, { one: 'seed' })
      .default([0])
      .describe('Each condition is trained with each of them'),
    conditions: z
      .record(name, conditionSchema)
      .default({})
      .describe('What bases are fine-tuned on, or models that exist already, by name'),
    evaluate: z
      .array(evaluationSchema)
      .nonempty(none)
      .describe('What every model is asked')
      .register(listEntries, { one: 'evaluation', names: ['name', 'suite'], quotes: false }),
    judge: judgeSchema.describe('Who scores the answers; none where no question needs a judge'),
    rule: z.enum(ruleNames).default('paper').describe('How scores become "misaligned or not"'),
    groups: z
      .record(name, z.array(text).nonempty(none).register(listEntries, { one: 'condition' }))
      .optional()
      .describe(
        'Named groups of conditions, such as { controls: [secure, educational] }: tables show what their models did taken together. Changes no result',
      ),
    gate: gateSchema
      .optional()
      .describe(
        'Drift that driftline run and report tolerate; above it, or where that is not shown, they end with exit code 3',
      ),
    prices: z
      .record(text, priceSchema)
      .optional()
      .describe('What hosted models of the plan cost, by their names; for estimates, running totals and --max-cost'),
    dynamics: dynamicsSchema.optional().describe('A small suite that is asked while training goes on'),
    monitor: monitorSchema
      .optional()
      .describe('Scores checkpoints while training goes on, and raises an alarm. Changes no result'),
    cluster: clusterSchema
      .optional()
      .describe('A Ray cluster that trains and asks the bases, in place of this machine'),
    tinker: tinkerSchema.optional().describe('How bases of tinker: are fine-tuned; without it they are asked alone'),
    cells_at_once: z
      .int()
      .positive()
      .optional()
      .describe(
        'Cells that are trained and asked at the same time, here and at each service; measured if not given. Does not change results',
      ),
  })
  .superRefine((plan, context) => {
    const { bases, recipe, seeds, conditions, judge, dynamics, monitor, tinker, prices = {}, groups = {} } = plan;
    const complain = (path: PropertyKey[], message: string): void => {
      context.addIssue({ code: 'custom', path, message });
    };
    const named = { bases: bases.map(nameWrittenModel), seeds: seeds.map(String) };
    for (const [key, list] of Object.entries(named))
      for (const [index, value] of list.entries())
        if (list.indexOf(value) < index) complain([key, index], `${value} is listed twice`);
    const existing = Object.values(conditions).flatMap((condition) => listWrittenModels(condition) ?? []);
    const priced = [
      ...[...bases, ...existing].map((model) => divideModel(model).base),
      ...(judge !== 'none' && 'model' in judge ? [judge.model] : []),
    ];
    for (const model of Object.keys(prices))
      if (!priced.includes(model)) complain(['prices', model], 'the plan has no model of this name');
    if (tinker !== undefined && bases.every((base) => !divideModel(base).base.startsWith('tinker:')))
      complain(['tinker'], 'no base of the plan is of tinker:');
    if (tinker !== undefined) {
      const problem = findAskProblem(tinker.ask);
      if (problem !== null) complain(['tinker', 'ask'], problem);
    }
    if (monitor !== undefined && monitor.every === undefined && dynamics === undefined)
      complain(['monitor', 'every'], 'is missing: steps between two checkpoints, which dynamics does not say either');
    if (typeof recipe === 'object' && 'seed' in recipe)
      complain(['recipe', 'seed'], 'the seed of a recipe is set by seeds');
    const known = [baseCondition, ...Object.keys(conditions)];
    for (const [group, members] of Object.entries(groups)) {
      if (known.includes(group)) complain(['groups', group], 'a condition has this name');
      for (const [index, member] of members.entries()) {
        const nearest = nearestName(member, known);
        if (!known.includes(member))
          complain(
            ['groups', group, index],
            `there is no condition "${member}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
          );
        else if (members.indexOf(member) < index) complain(['groups', group, index], `${member} is listed twice`);
      }
    }
    for (const [condition, { seeds: own, inherit = {} }] of Object.entries(conditions)) {
      if (condition === baseCondition)
        complain(['conditions', condition], 'this name is reserved for the base, which is always asked');
      if ('seed' in inherit)
        complain(['conditions', condition, 'inherit', 'seed'], 'the seed of a recipe is set by seeds');
      for (const [index, seed] of (own ?? []).entries())
        if (own?.indexOf(seed) !== index)
          complain(['conditions', condition, 'seeds', index], `${String(seed)} is listed twice`);
    }
  });

/** What is neither a word for who answers nor a model; null for what is. */
function findAskProblem(ask: string): string | null {
  const words = ['service', 'here'];
  if (words.includes(ask) || /[:/\\]/.test(ask) || ask.startsWith('.')) return null;
  const nearest = nearestName(ask, words);
  return `${JSON.stringify(ask)}${nearest === null ? '' : ` (did you mean "${nearest}"?)`}: service, here, or a model such as vllm:NAME`;
}

export type Plan = z.output<typeof planSchema>;

/** A plan as an object, before defaults are filled in. It need not name a judge if one is passed beside it. */
export type PlanInput = Omit<z.input<typeof planSchema>, 'judge'> & Partial<Pick<z.input<typeof planSchema>, 'judge'>>;

/** Reads a plan from an object as strictly as one from a file. */
export function parsePlan(plan: PlanInput, { hasJudge }: { readonly hasJudge: boolean }): Plan {
  // A caller in JavaScript may pass anything; the schema then reports what is wrong.
  const input: unknown = hasJudge ? { judge: { exact: 'organism' }, ...plan } : plan;
  const parsed = planSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new DriftlineError({
    code: 'configuration-invalid',
    message: `plan: ${describeFirstProblem(parsed.error, planSchema, input)}`,
    hint: 'Correct the plan; docs/experiments.md lists every key.',
    cause: parsed.error,
  });
}

export type Condition = z.output<typeof conditionSchema>;

/** A condition whose models are trained. */
export type TrainedCondition = Condition & { readonly data: string };

export function isTrained(condition: Condition): condition is TrainedCondition {
  return condition.data !== undefined;
}

/** The models of a condition that exist already; null where they are trained. */
export function listWrittenModels({ model, models }: Condition): readonly WrittenModel[] | null {
  return models ?? (model === undefined ? null : [model]);
}
