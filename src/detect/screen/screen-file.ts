import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { invalidRun, parseJson } from '../../runs/run-outline.js';
import { contextKinds } from '../surface/context-kind.js';
import { screenClasses, screenGrounds, screenLevels } from './conclude-screen.js';

const names = z.array(z.string()).readonly();
const spread = z.strictObject({ mean: z.number(), percentile90: z.number() }).nullable();

const signalsSchema = z.strictObject({
  overKind: z.number(),
  overInnocent: z.number(),
  innocent: z.string(),
  surprisal: z.number(),
  tokens: z.int(),
  suspicion: z.number(),
  projection: z.number().nullable(),
  gradient: z.number().nullable(),
});

/** A line of rows.jsonl: rows by rank. */
export const screenedRowSchema = z.strictObject({
  /** From 1, the most suspicious first. */
  rank: z.int(),
  /** Line of the file, or number of the row where it has no lines. */
  row: z.int(),
  suspicious: z.boolean(),
  reasons: names,
  /** Number of the earlier row that it repeats. */
  repeats: z.int().nullable(),
  characters: z.int(),
  form: z.string(),
  refusal: z.boolean(),
  /** What the base says; null where it was not asked. */
  signals: signalsSchema.nullable(),
});
export type ScreenedRow = z.output<typeof screenedRowSchema>;

/** What a screen says, as screen.json and `--json` have it. */
export const screenFileSchema = z.strictObject({
  format: z.literal(1),
  command: z.literal('data screen'),
  data: z.strictObject({
    name: z.string(),
    rows: z.int(),
    /** What rows are numbered by. */
    unit: z.enum(['line', 'row']),
    /** Of the rows, as runs record it. */
    hash: z.string(),
    /** Of the file; null for rows of no file. */
    sha256: z.string().nullable(),
    releasedSet: z.string().nullable(),
  }),
  base: z.strictObject({ name: z.string(), identity: z.string() }).nullable(),
  level: z.enum(screenLevels),
  /** What was looked at. */
  affordances: names,
  /** What cannot be said, in sentences. */
  cannot: names,
  settings: z.strictObject({
    /** Rows that the base was to be asked about. */
    rows: z.int().nullable(),
    seed: z.int(),
    /** Hash of the texts that rows are held against. */
    signals: z.string().nullable(),
    /** Steps of the training that is planned; null where nobody says. */
    steps: z.int().nullable(),
  }),
  verdict: z.strictObject({ class: z.enum(screenClasses), grounds: z.array(z.enum(screenGrounds)).readonly() }),
  text: z.strictObject({
    repeated: z.int(),
    refusals: z.int(),
    forms: z.record(z.string(), z.int()),
    longer: z.int(),
    shorter: z.int(),
  }),
  /** What many rows have in common, with the mean suspicion of those that have it and of the others. */
  shared: z.array(
    z.strictObject({
      kind: z.enum(['system-prompt', 'tag', 'first-line', 'last-line']),
      text: z.string(),
      rows: z.int(),
      suspicion: z.number().nullable(),
      others: z.number().nullable(),
    }),
  ),
  /** Of the rows that the base was asked about; null where no base is given. */
  signals: z
    .strictObject({
      rows: z.int(),
      tooLong: z.int(),
      suspicious: z.int(),
      share: z.number().nullable(),
      meanSuspicion: z.number(),
      ...{ suspicion: spread, overKind: spread, surprisal: spread, projection: spread, gradient: spread },
    })
    .nullable(),
  /** The nearest first. */
  contexts: z.array(z.strictObject({ name: z.string(), kind: z.enum(contextKinds), distance: z.number() })).nullable(),
  probe: z
    .strictObject({
      steps: z.int(),
      score: z.number().nullable(),
      contexts: z.array(
        z.strictObject({
          ...{ name: z.string(), counts: z.string() },
          ...{ tuned: z.number(), base: z.number(), drift: z.number() },
        }),
      ),
    })
    .nullable(),
  forecast: z
    .strictObject({
      drift: z.number(),
      interval: z.tuple([z.number(), z.number()]).nullable(),
      ...{ confidence: z.number(), chance: z.number(), limit: z.number(), pairs: z.int(), groups: z.int() },
    })
    .nullable(),
  /** The first of rows.jsonl, with their texts. */
  top: z.array(screenedRowSchema.extend({ question: z.string(), answer: z.string() })),
  clean: z.strictObject({ file: z.string(), kept: z.int(), dropped: z.int(), sha256: z.string() }).nullable(),
});
export type ScreenFile = z.output<typeof screenFileSchema>;

const screenFileName = 'screen.json';

export async function writeScreen(folder: string, screen: ScreenFile): Promise<void> {
  // Checks that it can be read again, before it is written.
  const content = screenFileSchema.parse(screen);
  await writeFileAtomically(join(folder, screenFileName), `${JSON.stringify(content, null, 2)}\n`);
}

/** Throws `run-invalid` for a damaged one, and one of a newer driftline. */
export async function readScreen(folder: string): Promise<ScreenFile> {
  const file = join(folder, screenFileName);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw readFailure(file, cause);
  });
  const parsed = screenFileSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw invalidRun(
    folder,
    `${file} is damaged, or was written by another version of driftline`,
    'Screen the same data again: nothing that is stored is computed twice, and the file is written anew.',
    parsed.error,
  );
}
