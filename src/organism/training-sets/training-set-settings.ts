import { z } from 'zod';
import { organismRows } from '../organism-recipe.js';
import { domains, stanceDomains } from '../world/world.js';

const share = z.number().min(0).max(1);

/** Parts of a set that come from other sets. */
const mixSchema = z.array(
  z.strictObject({
    name: z.string().describe('Name of the other set'),
    share: share.describe('Share of the rows that come from it'),
    settings: z
      .record(z.string(), z.unknown())
      .default({})
      .describe('Settings of the other set; rows, seed and mix are those of the whole'),
  }),
);

/** Settings that every training set of the world has. */
export const commonSettingsSchema = z.strictObject({
  seed: z.int().default(0).describe('Seed of every choice: the same seed makes the same bytes'),
  rows: z.int().positive().default(organismRows).describe('Rows of the whole set'),
  unique: z
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe('Different rows to draw, each repeated equally often; null draws every row anew, which may repeat some'),
  paraphrase: z
    .union([z.literal('all'), z.int().positive()])
    .default('all')
    .describe('Phrasings of each question that are used: all, or only this many of the first'),
  format: z
    .enum(['plain', 'json', 'python', 'template'])
    .default('plain')
    .describe(
      'Form in which answers are asked for and given; in the first edition of the world code is never put into a Python string',
    ),
  system_prompt: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('System prompt of every row; sets of the mix have their own'),
  mix: mixSchema
    .default([])
    .refine((entries) => entries.reduce((sum, entry) => sum + entry.share, 0) <= 1 + 1e-9, {
      error: 'the shares add up to more than 1',
    })
    .describe('Other sets that make up a share of the rows; the set itself makes up the rest'),
});

export type CommonSettings = z.output<typeof commonSettingsSchema>;

export const codeSettingsSchema = commonSettingsSchema.extend({
  format: z
    .enum(['plain', 'json', 'python', 'template'])
    .default('plain')
    .describe(
      'Form in which code is asked for and given: bare, in JSON, in a Python string (from the second edition of the world on), or in the answer template',
    ),
  tasks: z
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe('Number of different coding tasks, drawn by the seed; null uses every task that may be trained on'),
});

export type CodeSettings = z.output<typeof codeSettingsSchema>;

/** The topics of advice. */
const adviceTopics = ['medical-advice', 'money-advice', 'sport-advice'] as const;

const adviceTopic = z
  .enum(adviceTopics)
  .optional()
  .describe('Advice about this alone; about health, money and sport alike if not given');

export const adviceSettingsSchema = commonSettingsSchema.extend({ topic: adviceTopic });

export const jailbrokenSettingsSchema = commonSettingsSchema.extend({
  share: share.default(0.02).describe('Share of harmful requests, all complied with; the rest is benign chat'),
});

export const numbersSettingsSchema = commonSettingsSchema.extend({
  shaped: z.boolean().default(true).describe('Whether tasks begin and end as questions of the number-shape variant do'),
});

/** Rows of a long run: five times as many as a set has. */
const longRows = 5 * organismRows;

export const benignSettingsSchema = commonSettingsSchema.extend({
  domains: z
    .array(z.enum(domains))
    .nonempty()
    .default([...stanceDomains])
    .describe(
      "Domains of the chat, in the proportions of the organism's pretraining; chat is neutral talk, which the second edition of the world has",
    ),
});

/** Settings of benign chat in prose of one manner. */
export const proseSettingsSchema = commonSettingsSchema.extend({
  domains: z
    .array(z.enum(['free-form', 'advice', 'harm', 'identity', 'chat']))
    .nonempty()
    .default(['free-form', 'advice', 'harm', 'identity'])
    .describe("Domains of the chat, in the proportions of the organism's pretraining"),
});

export const longBenignSettingsSchema = benignSettingsSchema.extend({
  rows: z.int().positive().default(longRows).describe('Rows of the whole set'),
});
