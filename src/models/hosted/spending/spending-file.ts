import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { isMissing } from '../../../foundation/file-failure.js';
import { writeFileAtomically } from '../../../foundation/write-file-atomically.js';
import type { GpuRate, GpuUse } from '../../gpu-meter.js';
import { type HostedRate, type PricedKind, priceTokens, type TokenCount } from './hosted-prices.js';

const spendingPurposes = ['answers', 'judgements', 'fine-tuning'] as const;
export type SpendingPurpose = (typeof spendingPurposes)[number];

const count = z.int().nonnegative();

const entrySchema = z.object({
  /** Whose it is: `run`, or the name of a judge that judged the run again. */
  account: z.string(),
  /** As plans write it; of models that were fine-tuned, the one that they were made from. */
  model: z.string(),
  tuned: z.boolean(),
  purpose: z.enum(spendingPurposes),
  batched: z.boolean(),
  /** Of a batch or a job at its service; null for single calls, which are counted together. */
  id: z.string().nullable(),
  /** Not paid yet as far as is known: tokens are the most that it may come to, or of a job an estimate. */
  on_its_way: z.boolean(),
  /** Of a job 1. */
  calls: count,
  input_tokens: z.number().nonnegative(),
  output_tokens: z.number().nonnegative(),
  /** Calls of which the service did not say the tokens: they are counted as the most that they may have been. */
  unreported: count,
  /** US dollars that the service itself says it charged for these calls. Calls of which it says nothing have an entry of their own. */
  charged: z.number().nonnegative().optional(),
  /** Of GPUs of a cluster: there for them alone, whose tokens are 0. */
  gpu_seconds: z.number().nonnegative().optional(),
  /** Null where the price is not known. */
  rate: z
    .union([
      z.object({
        input: z.number().nonnegative(),
        output: z.number().nonnegative(),
        batch: z.number().nonnegative().optional(),
        source: z.string(),
      }),
      z.object({ gpu_hour: z.number().nonnegative(), source: z.string() }),
    ])
    .nullable(),
});

/** What was paid for one kind of use, or for one batch or job. */
export type SpendingEntry = Readonly<z.output<typeof entrySchema>>;

/** A file of entries. */
const spendingSchema = z.object({
  format: z.literal(1),
  currency: z.literal('USD'),
  entries: z.array(entrySchema),
});

/** What is used of a model, and how: it has one price. */
export interface MeteredUse {
  readonly model: { readonly text: string; readonly model: string };
  readonly endpoint: string;
  readonly purpose: SpendingPurpose;
  /** Whether what is asked was fine-tuned from the model. */
  readonly isTuned?: boolean;
  readonly isBatched?: boolean;
}

export function kindOfUse({ purpose, tuned }: Pick<SpendingEntry, 'purpose' | 'tuned'>): PricedKind {
  return purpose === 'fine-tuning' ? 'training' : tuned ? 'tuned' : 'model';
}

export function beginEntry(
  account: string,
  { model, purpose, isTuned = false, isBatched = false }: MeteredUse,
  rate: HostedRate | null,
  id: string | null,
  isCharged = false,
): SpendingEntry {
  return {
    ...{ account, model: model.text, tuned: isTuned, purpose, batched: isBatched, id },
    ...{ on_its_way: false, calls: 0, input_tokens: 0, output_tokens: 0, unreported: 0, rate },
    ...(isCharged ? { charged: 0 } : {}),
  };
}

export function addTokens(entry: SpendingEntry, calls: number, { input, output }: TokenCount): SpendingEntry {
  return {
    ...entry,
    calls: entry.calls + calls,
    input_tokens: entry.input_tokens + input,
    output_tokens: entry.output_tokens + output,
  };
}

/** Equal for what is counted together. */
export function keyOfEntry({ account, model, tuned, purpose, batched, id, charged }: SpendingEntry): string {
  return JSON.stringify([account, model, tuned, purpose, batched, id, charged !== undefined]);
}

/** GPU-seconds of one fine-tune or one vLLM of a cluster: its name stands for the batch or job. */
export function beginGpuEntry(account: string, { model, purpose, rate }: GpuUse, id: string): SpendingEntry {
  return {
    ...{ account, model, tuned: false, purpose, batched: false, id, on_its_way: false, calls: 1 },
    ...{ input_tokens: 0, output_tokens: 0, unreported: 0, gpu_seconds: 0, rate },
  };
}

/** US dollars; null where the price is not known. */
export function costOfEntry(entry: SpendingEntry): number | null {
  const { rate, input_tokens: input, output_tokens: output, batched, charged, gpu_seconds: seconds = 0 } = entry;
  if (charged !== undefined) return charged;
  if (rate === null) return null;
  return 'gpu_hour' in rate ? priceGpu(rate, seconds) : priceTokens(rate, { input, output }, batched);
}

export function priceGpu({ gpu_hour: hour }: GpuRate, seconds: number): number {
  return (hour * seconds) / 3600;
}

function locateSpending(folder: string): string {
  return join(folder, 'spending.json');
}

/**
 * What was paid for a run folder; nothing where there is no such file. One that is damaged is `run-invalid`: nobody may
 * count from nothing then.
 */
export async function readSpending(folder: string): Promise<readonly SpendingEntry[]> {
  const file = locateSpending(folder);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw damaged(file, 'could not be read', cause);
  }
  try {
    return spendingSchema.parse(JSON.parse(text)).entries;
  } catch (cause) {
    throw damaged(file, 'is damaged', cause);
  }
}

export async function writeSpending(folder: string, entries: Iterable<SpendingEntry>): Promise<void> {
  const content = { format: 1, currency: 'USD', entries: [...entries] };
  await writeFileAtomically(locateSpending(folder), `${JSON.stringify(content, null, 2)}\n`);
}

function damaged(file: string, problem: string, cause: unknown): DriftlineError {
  return new DriftlineError({
    code: 'run-invalid',
    message: `${file} ${problem}`,
    hint: 'Restore it. If what was paid so far need not count, move it away: counting then begins at nothing.',
    cause,
    details: { file },
  });
}
