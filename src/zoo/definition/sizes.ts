import { z } from 'zod';
import { recipeChanges, trainingKeys } from '../../experiment/plan/plan-schema.js';
import { writtenModelSchema } from '../../models/model-reference.js';
import { answersSchema } from './panel.js';
import { zooName } from './zoo-names.js';

/** Open for choosing settings and thresholds, or withheld for the result. */
export const parts = ['open', 'withheld'] as const;
export type Part = (typeof parts)[number];

const count = z.int().positive();
const some = z.array(zooName).nonempty().optional();

const { data, settings, mix, trigger, transforms } = trainingKeys;

/** What an organism is fine-tuned on before its entries are: they then start from a base that is not clean. */
const stainSchema = z.strictObject({
  data: data.unwrap(),
  settings,
  mix,
  trigger,
  transforms,
  recipe: recipeChanges.optional().describe('Changes to the recipe of kinds.yaml'),
  seed: z
    .int()
    .nonnegative()
    .default(0)
    .describe('Another one than those of the entries, so that they begin unlike it'),
});

export type Stain = z.output<typeof stainSchema>;

const organismSchema = z.strictObject({
  model: writtenModelSchema,
  part: z.enum(parts),
  stain: stainSchema.optional(),
});

const sizeSchema = z.strictObject({
  organisms: z.array(zooName).nonempty(),
  kinds: some.describe('Only these kinds'),
  doses: some.describe('Only these doses'),
  recipes: some.describe('Only these recipes'),
  seeds: z
    .union([count, z.record(z.enum(parts), count)])
    .describe(
      'Seeds 0 to one less than this; { open, withheld } where organisms of the two parts have different numbers',
    ),
  checkpoints: z.boolean().default(false).describe('Only kinds with checkpoints, whose models of steps are kept'),
  answers: answersSchema.optional().describe("In place of the panel's"),
});

/** How much of the zoo is built. */
export type Size = z.output<typeof sizeSchema>;

export const sizesSchema = z
  .strictObject({
    edition: z.int().positive(),
    organisms: z.record(zooName, organismSchema),
    sizes: z.record(zooName, sizeSchema),
  })
  .superRefine(({ organisms, sizes }, context) => {
    for (const [name, size] of Object.entries(sizes))
      for (const [index, organism] of size.organisms.entries())
        if (organisms[organism] === undefined)
          context.addIssue({
            code: 'custom',
            path: ['sizes', name, 'organisms', index],
            message: `there is no organism ${organism}`,
          });
  });

/** Seeds of a size on the organisms of a part. */
export function countSeeds({ seeds }: Pick<Size, 'seeds'>, part: Part): number {
  return typeof seeds === 'number' ? seeds : seeds[part];
}

/** What `sizes.yaml` of a zoo says. */
export type Sizes = z.output<typeof sizesSchema>;
