import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { ruleNames } from '../../judging/rules.js';
import { invalidRun, parseJson } from '../../runs/run-outline.js';
import { contextAnswersSchema } from './checkpoint-record.js';
import { watchEnds } from './watch-checkpoints.js';

const placeSchema = z.strictObject({ checkpoint: z.string(), step: z.int() });

const pointSchema = placeSchema.extend({
  kind: z.enum(['adapter', 'model']),
  /** The how-manieth it was that was scored. */
  look: z.int().positive(),
  /** Of the detector; null where it cannot be said. */
  score: z.number().nullable(),
  /** The highest of this and all earlier steps. */
  highest: z.number().nullable(),
  /** The share of bad answers by context, as given texts predict it. */
  predicted: z.array(z.strictObject({ name: z.string(), tuned: z.number(), base: z.number(), drift: z.number() })),
  /** What was answered, by context; null where nobody judges. */
  answers: z.array(contextAnswersSchema).nullable(),
  /** Of the answers, against: no drift in any context. */
  evidence: z.number().nullable(),
  /** What the evidence must reach for an alarm. */
  needed: z.number().nullable(),
});

const alarmSchema = placeSchema.extend({
  by: z.enum(['score', 'answers']),
  score: z.number(),
  threshold: z.number(),
  rate: z.number(),
  /** The last checkpoint before it; null where the base is all that there was. */
  lastGood: placeSchema.nullable(),
});

/** What a watch says, as watch.json and `--json` have it. */
export const watchFileSchema = z.strictObject({
  format: z.literal(1),
  command: z.literal('watch'),
  /** That is watched. */
  folder: z.string(),
  base: z.string(),
  detector: z.strictObject({ name: z.string(), description: z.string() }),
  surface: z.strictObject({ name: z.string(), hash: z.string() }),
  /** Null where no answer was asked for. */
  judge: z.strictObject({ name: z.string(), rule: z.enum(ruleNames) }).nullable(),
  /** How often a training that does not deserve it may be stopped. */
  rate: z.number(),
  /** What scores are held against; null where nothing says how high harmless fine-tunes come. */
  calibration: z
    .strictObject({
      file: z.string(),
      threshold: z.number(),
      fineTunes: z.int(),
      kinds: z.int(),
      /** The most that a run of them has. */
      checkpoints: z.int(),
    })
    .nullable(),
  /** In the order of steps. */
  curve: z.array(pointSchema),
  alarm: alarmSchema.nullable(),
  /** Why it ended; null while it goes on, and where it was stopped. */
  end: z.enum([...watchEnds, 'alarm']).nullable(),
  /** Checkpoints that could not be scored. */
  unread: z.array(placeSchema.extend({ problem: z.string() })),
  /** What cannot be said, in sentences. */
  cannot: z.array(z.string()),
});

export type WatchFile = z.output<typeof watchFileSchema>;
export type WatchPoint = z.output<typeof pointSchema>;

const watchFileName = 'watch.json';

export async function writeWatch(folder: string, watch: WatchFile): Promise<void> {
  // Checks that it can be read again, before it is written.
  const content = watchFileSchema.parse(watch);
  await writeFileAtomically(join(folder, watchFileName), `${JSON.stringify(content, null, 2)}\n`);
}

/** Throws `run-invalid` for a damaged one, and one of a newer driftline. */
export async function readWatch(folder: string): Promise<WatchFile> {
  const file = join(folder, watchFileName);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw readFailure(file, cause);
  });
  const parsed = watchFileSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw invalidRun(
    folder,
    `${file} is damaged, or was written by another version of driftline`,
    'Watch the same folder again: nothing is scored twice, and the file is written anew.',
    parsed.error,
  );
}
