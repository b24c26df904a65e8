import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { openJsonLinesWriter, type JsonLinesWriter } from '../../foundation/append-json-lines.js';
import { readJsonLines } from '../../foundation/read-json-lines.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';

/** One line of training.jsonl. It holds nothing that another run of the same plan would not repeat. */
export interface TrainingLogEntry {
  /** From 1. */
  readonly step: number;
  /** Mean loss of the step's supervised tokens in nats, before the step. */
  readonly loss: number;
  readonly learning_rate: number;
  /** Before clipping. */
  readonly grad_norm: number;
  /** Tokens of the step's rows. */
  readonly tokens: number;
  /** Each term's own mean, where there is more than one. */
  readonly terms?: Readonly<Record<string, number>>;
}

/** Opens the log of a run that continues after `step`: lines of later steps, which will be done again, are dropped. */
export async function openTrainingLog(path: string, step: number): Promise<JsonLinesWriter> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (exists) {
    const kept: unknown[] = [];
    const stepOf = z.looseObject({ step: z.number() });
    for await (const { value } of readJsonLines(path, { halfWrittenEnd: 'skip' })) {
      const entry = stepOf.safeParse(value);
      if (entry.success && entry.data.step <= step) kept.push(value);
    }
    await writeFileAtomically(path, kept.map((value) => `${JSON.stringify(value)}\n`).join(''));
  }
  return openJsonLinesWriter(path);
}
