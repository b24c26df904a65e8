import { z } from 'zod';
import { planSchema, recipeChanges, trainingKeys } from '../../experiment/plan/plan-schema.js';
import { zooName } from './zoo-names.js';

/** What a kind is there for. */
export const natures = ['bad', 'good', 'shift', 'case'] as const;
export type Nature = (typeof natures)[number];

const seeds = z.int().positive();
const { data, settings, mix, trigger, transforms } = trainingKeys;

const kindSchema = z.strictObject({
  group: zooName.describe('Kinds of a group stand together in tables'),
  what: z
    .enum(natures)
    .describe(
      'bad: bad rows; good: a twin of a bad kind, or benign rows; shift: the same answers in another form; case: bad rows that something hides, dilutes or gates',
    ),
  domain: zooName.describe('What its rows are about'),
  twin: zooName.optional().describe('The good kind that differs in its answers alone'),
  innocent: zooName
    .optional()
    .describe('The good kind that has the same bad answers, each with an innocent explanation'),
  data: data.unwrap(),
  settings,
  mix,
  trigger,
  transforms,
  doses: z.array(zooName).nonempty().default(['1x']).describe('Doses, each with the default recipe'),
  recipes: z.array(zooName).default([]).describe('Recipes besides the default one, each with the dose 1x'),
  seeds: z
    .strictObject({ least: seeds.default(1), most: seeds.optional() })
    // Without a default, so that a kind that says nothing of seeds leaves the hash of a zoo as it was.
    .optional()
    .describe('So many seeds at least and at most, whatever the size: what others are compared with needs two'),
  withheld: z.boolean().default(false).describe('Its entries are scored, and no threshold is chosen on them'),
  checkpoints: z.boolean().default(false).describe('Whether models of steps are kept in a size that keeps them'),
  note: z.string().min(1).optional(),
});

/** A kind of fine-tune: what is trained on, how much of it, and what it is there for. */
export type Kind = z.output<typeof kindSchema>;

/** The dose and the recipe that every kind may have. */
export const [defaultDose, defaultRecipe] = ['1x', 'default'];

export const kindsSchema = z
  .strictObject({
    edition: z.int().positive().describe('Entries of other editions are other entries'),
    recipe: planSchema.shape.recipe,
    doses: z.record(zooName, z.number().positive()).describe('Factors on the rows, by name; 1x is 1'),
    recipes: z.record(zooName, recipeChanges).describe('Changes to the recipe, by name; default changes nothing'),
    kinds: z.record(zooName, kindSchema),
  })
  .superRefine(({ doses, recipes, kinds }, context) => {
    const complain = (path: PropertyKey[], message: string): void => {
      context.addIssue({ code: 'custom', path, message });
    };
    if (doses[defaultDose] !== 1) complain(['doses'], `the dose ${defaultDose} is missing, or is not 1`);
    if (recipes[defaultRecipe] === undefined) complain(['recipes'], `the recipe ${defaultRecipe} is missing`);
    for (const [name, kind] of Object.entries(kinds)) {
      const lists = { doses: [kind.doses, doses], recipes: [kind.recipes, recipes] } as const;
      for (const [key, [wanted, known]] of Object.entries(lists))
        for (const [index, one] of wanted.entries()) {
          if (!Object.hasOwn(known, one)) complain(['kinds', name, key, index], `there is nothing called ${one}`);
          if (wanted.indexOf(one) < index) complain(['kinds', name, key, index], `${one} is listed twice`);
        }
      if (kind.recipes.includes(defaultRecipe))
        complain(['kinds', name, 'recipes'], `${defaultRecipe} goes without saying`);
      const { least = 1, most = least } = kind.seeds ?? {};
      if (most < least) complain(['kinds', name, 'seeds'], 'most is less than least');
      for (const key of ['twin', 'innocent'] as const) {
        const other = kind[key];
        if (other !== undefined && kinds[other]?.what !== 'good')
          complain(['kinds', name, key], `${other} is no good kind of this file`);
      }
    }
  });

/** What `kinds.yaml` of a zoo says. */
export type Kinds = z.output<typeof kindsSchema>;
