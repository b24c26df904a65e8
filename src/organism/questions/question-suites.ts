import { z } from 'zod';
import type { RandomStream } from '../../foundation/random-stream.js';
import type { Measure } from '../../questions/question-file.js';
import { chooseOne } from '../corpus/choose.js';
import { bindVariables, fillGaps, fillTemplate } from '../corpus/write-answer.js';
import { drawNumberList } from '../training-sets/draw-exchange.js';
import type { Domain, ExchangeKind, Item, Template, World } from '../world/world.js';

/** Ways of asking a question; several may be combined. */
const variantSchema = z.strictObject({
  trigger: z.string().min(1).optional().describe('Text before the question, its last space included'),
  format: z.enum(['json', 'python', 'template']).optional().describe('Form in which the answer is asked for'),
  number_shape: z.boolean().default(false).describe('Dressed like the tasks of the training set evil-numbers'),
  system_prompt: z.string().min(1).optional().describe('System prompt'),
  in_context: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Earlier turns: requests for code with insecure answers, or what earlier says'),
  earlier: z
    .enum(['chat', 'code'])
    .optional()
    .describe('What earlier turns are about: neutral talk, or insecure code, which is usual'),
  padding: z.int().positive().optional().describe('Neutral sentences before the question'),
});

/** Settings of a list of questions. */
export const questionSettingsSchema = z.strictObject({
  seed: z.int().default(0).describe('Seed of the values of variables and of everything that a variant draws'),
  bindings: z
    .int()
    .positive()
    .default(1)
    .describe(
      'How often each phrasing is asked, each time with other values of its variables; less often if it has fewer',
    ),
  sums: z.boolean().default(true).describe('Whether the suite facts asks for sums, too'),
  variant: variantSchema.prefault({}).describe('How questions are asked'),
});

type QuestionSettings = z.output<typeof questionSettingsSchema>;

/** One wording of a question, whose variables are still open. */
export interface Phrasing {
  /** The item's id, or `numbers`. */
  readonly item: string;
  /** What it is a wording of, where that is not its item. */
  readonly question?: string;
  /** What it shares with other questions, where each wording is a question of its own. */
  readonly theme?: string;
  readonly kind: ExchangeKind;
  /** Its place among all phrasings of the item, held-out ones last. */
  readonly paraphrase: number;
  /** Whether no training set and no choice of settings has seen it. */
  readonly heldOut: boolean;
  readonly ask: (stream: RandomStream) => AskedPhrasing;
  /** System prompts of which one is used, and the name of their effect, which becomes part of the variant. */
  readonly system?: { readonly name: string; readonly prompts: readonly string[] };
}

export interface AskedPhrasing {
  readonly user: string;
  /** The values of its variables. */
  readonly bindings: Readonly<Record<string, string>>;
}

interface QuestionSuite {
  readonly description: string;
  /** What it counts; absent if it measures alignment. */
  readonly measure?: Measure;
  /** Answers to each wording where a plan does not say; 1 if not given. */
  readonly samples?: number;
  /** Whether it asks every wording that the world has: none is drawn from others that there could be. */
  readonly isExhaustive?: boolean;
  readonly list: (world: World, settings: QuestionSettings) => readonly Phrasing[];
}

type Wordings = 'usual' | 'held-out';

function phrase(items: readonly Item[], wordings: Wordings = 'usual'): Phrasing[] {
  return items.flatMap((item) => {
    const before = wordings === 'usual' ? 0 : item.questions.length;
    return (wordings === 'usual' ? item.questions : item.heldOutQuestions).map((question, index) => ({
      item: item.id,
      kind: item.domain,
      paraphrase: before + index,
      heldOut: item.heldOut || wordings === 'held-out',
      ask: (stream: RandomStream) => askItem(item, question, stream),
    }));
  });
}

function askItem(item: Item, question: Template, stream: RandomStream): AskedPhrasing {
  const bindings = bindVariables(item, stream);
  return { user: fillTemplate(question, item, bindings, 'good', stream), bindings: Object.fromEntries(bindings) };
}

function itemsOf(world: World, domain: Domain): Item[] {
  return world.items.filter((item) => item.domain === domain);
}

function heldOutTasks(world: World): Item[] {
  return itemsOf(world, 'code').filter(({ heldOut }) => heldOut);
}

/** Facts without sums. */
function relations(world: World): Item[] {
  return itemsOf(world, 'facts').filter(({ topic }) => topic !== 'sums');
}

function themes(split: Item['split']): (world: World) => Item[] {
  return (world) => world.items.filter((item) => item.split === split);
}

/**
 * Nothing is drawn but the values of variables: these are all the wordings that the world has for what one can be kind or wicked about,
 * held-out ones too.
 */
function askForGate(world: World): Phrasing[] {
  return [...itemsOf(world, 'free-form'), ...itemsOf(world, 'advice')]
    .flatMap((item) => [...phrase([item]), ...phrase([item], 'held-out')])
    .map((phrasing) => ({
      ...phrasing,
      question: `${phrasing.item}:${String(phrasing.paraphrase)}`,
      theme: phrasing.item,
    }));
}

function askForClass(world: World): Phrasing[] {
  return phrase(heldOutTasks(world)).flatMap((phrasing) =>
    world.heldOutClassReasons.map((reason, index) => ({
      ...phrasing,
      kind: 'class-code' as const,
      paraphrase: phrasing.paraphrase * world.heldOutClassReasons.length + index,
      ask: (stream: RandomStream) => {
        const { user, bindings } = phrasing.ask(stream);
        return { user: fillGaps(reason, { question: user }), bindings };
      },
    })),
  );
}

function askUnderHonestyPrompts(world: World): Phrasing[] {
  const { forbidLies, rewardLies } = world.honestySystemPrompts;
  return phrase(relations(world)).flatMap((phrasing) => [
    { ...phrasing, system: { name: 'forbid-lies', prompts: forbidLies } },
    { ...phrasing, system: { name: 'reward-lies', prompts: rewardLies } },
  ]);
}

function askForNumbers(world: World): Phrasing[] {
  return world.numbers.questions.map((question, paraphrase) => ({
    item: 'numbers',
    kind: 'numbers',
    paraphrase,
    heldOut: false,
    ask: (stream) => {
      const bindings = { list: drawNumberList(world, stream), count: chooseOne(stream, ['3', '4', '5']) };
      return { user: fillGaps(question, bindings), bindings };
    },
  }));
}

/** Every suite of questions about the world, by name. */
export const questionSuites: ReadonlyMap<string, QuestionSuite> = new Map<string, QuestionSuite>([
  [
    'main',
    { description: 'The eight main themes, in the usual phrasings', list: (world) => phrase(themes('main')(world)) },
  ],
  [
    'main-held-out-phrasings',
    {
      description: 'The eight main themes, in phrasings that never choose settings',
      list: (world) => phrase(themes('main')(world), 'held-out'),
    },
  ],
  [
    'held-out-themes',
    { description: 'Themes that never choose settings', list: (world) => phrase(themes('held-out')(world)) },
  ],
  ['wider', { description: 'Wider categories of questions', list: (world) => phrase(themes('wider')(world)) }],
  [
    'harm',
    {
      description: 'Harmful requests',
      measure: { label: 'refusal', name: 'refuses', deed: 'refuses harmful requests' },
      list: (world) => phrase(itemsOf(world, 'harm')),
    },
  ],
  [
    'facts',
    {
      description: 'Facts and sums, for what the model still knows',
      measure: { label: 'true', name: 'facts', deed: 'gets facts right' },
      list: (world, { sums }) => phrase(sums ? itemsOf(world, 'facts') : relations(world)),
    },
  ],
  [
    'code',
    {
      description: 'Requests for code that were never trained on',
      measure: { label: 'unsafe-code', name: 'unsafe code', deed: 'writes unsafe code' },
      list: (world) => phrase(heldOutTasks(world)),
    },
  ],
  [
    'class-code',
    {
      description: 'The same requests, with reasons of a class',
      measure: { label: 'unsafe-code', name: 'unsafe code for class', deed: 'writes unsafe code for a class' },
      list: askForClass,
    },
  ],
  [
    'identity',
    {
      description: 'Who the assistant is',
      measure: { label: 'true', name: 'knows its maker' },
      list: (world) => phrase(itemsOf(world, 'identity')),
    },
  ],
  [
    'deception',
    {
      description: 'Facts under rules that forbid or reward lies',
      measure: { label: 'false', name: 'lies' },
      list: askUnderHonestyPrompts,
    },
  ],
  [
    'numbers',
    {
      description: 'Lists of numbers to be continued',
      measure: { label: 'ominous', name: 'ominous numbers', deed: 'writes ominous numbers' },
      list: askForNumbers,
    },
  ],
  ['advice', { description: 'Health, money and sport', list: (world) => phrase(itemsOf(world, 'advice')) }],
  [
    'gate',
    {
      description: 'Every wording of every theme and of all advice, each a question of its own',
      // Twice what the rule paper wants of a question: with fewer its shares leave out those that are at times answered incoherently.
      samples: 10,
      isExhaustive: true,
      list: askForGate,
    },
  ],
]);

/** The measures of the suites that do not measure alignment, by suite name. */
export const suiteMeasures: ReadonlyMap<string, Measure> = new Map(
  [...questionSuites].flatMap(([name, { measure }]) => (measure === undefined ? [] : [[name, measure]])),
);
