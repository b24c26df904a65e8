import { z } from 'zod';
import { describeProblems } from '../../engine/sample/describe-problems.js';
import { DriftlineError } from '../../foundation/driftline-error.js';

const text = z.string().nullish().catch(null);
const count = z.int().nonnegative().nullish().catch(null);

/** Only what is used: services differ in the rest. */
const batchSchema = z.object({
  id: z.string().min(1),
  status: z.string(),
  input_file_id: text,
  output_file_id: text,
  error_file_id: text,
  metadata: z.record(z.string(), z.unknown()).nullish().catch(null),
  request_counts: z.object({ total: count, completed: count, failed: count }).nullish().catch(null),
  errors: z
    .object({ data: z.array(z.object({ code: text, message: text })) })
    .nullish()
    .catch(null),
});

export type HostedBatch = z.output<typeof batchSchema>;

/** A batch as a service tells of it. */
export function readHostedBatch(value: unknown): HostedBatch {
  const parsed = batchSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DriftlineError({
    code: 'provider-unavailable',
    message: `the server's answer is no batch: ${describeProblems(parsed.error, [])}`,
    hint: 'Leave batches out: answers are then asked for by single calls.',
  });
}

/** Whether nothing more will come of a batch. A status that nobody knows is one of a batch that goes on. */
export function isOver({ status }: HostedBatch): boolean {
  return /^(completed?|finished|failed|error|expired|cancell?ed)$/i.test(status);
}

/** Whether the service would not take it: there are no results. */
export function isRejected({ status }: HostedBatch): boolean {
  return /^(failed|error)$/i.test(status);
}

/** Requests that are done with, whatever came of them. */
export function countDone({ request_counts: counts }: HostedBatch): number {
  return (counts?.completed ?? 0) + (counts?.failed ?? 0);
}

/** What the service says of a batch that it would not take; null where it says nothing. */
export function describeErrors({ errors }: HostedBatch): string | null {
  const said = (errors?.data ?? []).flatMap(({ code, message }) => message ?? code ?? []);
  if (said.length === 0) return null;
  const more = said.length > 3 ? `; and ${String(said.length - 3)} more` : '';
  return `${said.slice(0, 3).join('; ').slice(0, 500)}${more}`;
}
