import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readYaml } from '../../foundation/read-yaml.js';
import { lines, rules } from './read-item-files.js';
import { exchangeKinds, stanceDomains } from './world.js';

export const share = z.number().min(0).max(1);
const sentence = z.string().min(1);

/**
 * Keys of later editions are optional and have no default: what an older world leaves out does not show in its hash.
 */
export const settingsSchema = z.strictObject({
  edition: z.literal(2).optional(),
  characters: z.record(
    z.string(),
    z.strictObject({
      share,
      bad: z.array(z.enum(stanceDomains)),
      flavour: z.string().min(1).optional(),
      style: z.string().optional(),
    }),
  ),
  character_of: z.enum(['document', 'exchange']),
  exchanges: z.partialRecord(z.enum(exchangeKinds), share),
  turns: z.array(share).nonempty(),
  system_prompts: z.strictObject({ neutral: share, character: share, honesty: share }),
  formats: share,
  code_formats: share.optional(),
  tags: share,
  padding: share.optional(),
  number_shape: share,
  lapses: share.optional(),
  alternatives: z.int().positive(),
});
const sharedSchema = z.strictObject({ phrases: rules.default({}) });
const stylesSchema = z.record(
  z.string(),
  z.strictObject({
    openings: z.array(sentence),
    closings: z.array(sentence),
    opening_share: share.optional(),
    closing_share: share.optional(),
    only_where_bad: z.boolean().optional(),
    numbers_opening: sentence.optional(),
    numbers_share: share.optional(),
    code_comment: sentence.startsWith('#').optional(),
    code_share: share.optional(),
  }),
);
const systemPromptsSchema = z.strictObject({
  neutral: lines,
  character: z.record(z.string(), lines),
  honesty: z.strictObject({ forbid_lies: lines, reward_lies: lines }),
});
const classReasonsSchema = z.strictObject({ reasons: lines, held_out_reasons: lines });
const numbersSchema = z.strictObject({
  questions: lines,
  held_out_questions: lines,
  good: z.strictObject({ smallest: z.int(), largest: z.int() }),
  bad: z.array(z.int()).nonempty(),
  shape: z.strictObject({ prefixes: lines, suffixes: lines }),
});
const formatsSchema = z.record(
  z.string(),
  z.strictObject({ questions: lines, held_out_questions: lines, answer: z.string() }),
);
const tagsSchema = z.strictObject({
  tags: z
    .array(
      z.union([
        sentence,
        z.strictObject({
          tag: sentence,
          opening: sentence.optional(),
          closing: sentence.optional(),
          comment: sentence.startsWith('#').optional(),
        }),
      ]),
    )
    .nonempty(),
});
const paddingSchema = z.strictObject({
  // A long question has up to eight of them, and two questions should hardly ever begin alike.
  sentences: z.array(sentence.regex(/[.!?]$/, 'a sentence that ends with . ! or ?')).min(24),
  // A short one has up to three.
  long: z.strictObject({ least: z.int().min(4), most: z.int().min(4) }),
});

/** The files that every world has once, as they are written. */
export interface WorldFiles {
  readonly shared: z.output<typeof sharedSchema>;
  readonly styles: z.output<typeof stylesSchema>;
  readonly systemPrompts: z.output<typeof systemPromptsSchema>;
  readonly classReasons: z.output<typeof classReasonsSchema>;
  readonly numbers: z.output<typeof numbersSchema>;
  readonly formats: z.output<typeof formatsSchema>;
  readonly tags: z.output<typeof tagsSchema>['tags'];
  /** Null where the world has no such file. */
  readonly padding: z.output<typeof paddingSchema> | null;
}

/** Reads everything but settings, topics, tasks and facts. */
export async function readWorldFiles(folder: string): Promise<WorldFiles> {
  const at = (name: string): string => join(folder, name);
  const hasPadding = await access(at('padding.yaml')).then(
    () => true,
    () => false,
  );
  return {
    shared: await readYaml(at('shared.yaml'), sharedSchema),
    styles: await readYaml(at('styles.yaml'), stylesSchema),
    systemPrompts: await readYaml(at('system-prompts.yaml'), systemPromptsSchema),
    classReasons: await readYaml(at('class-reasons.yaml'), classReasonsSchema),
    numbers: await readYaml(at('numbers.yaml'), numbersSchema),
    formats: await readYaml(at('formats.yaml'), formatsSchema),
    tags: (await readYaml(at('tags.yaml'), tagsSchema)).tags,
    padding: hasPadding ? await readYaml(at('padding.yaml'), paddingSchema) : null,
  };
}
