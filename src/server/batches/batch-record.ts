import { z } from 'zod';

export const batchEndpoint = '/v1/chat/completions';

const second = z.int().nullable();

/** A batch in the protocol's form; what is stored. */
const batchSchema = z.object({
  id: z.string(),
  object: z.literal('batch'),
  endpoint: z.literal(batchEndpoint),
  errors: z
    .object({
      object: z.literal('list'),
      data: z.array(
        z.object({
          code: z.string(),
          message: z.string(),
          param: z.string().nullable(),
          line: z.int().nullable(),
        }),
      ),
    })
    .nullable(),
  input_file_id: z.string(),
  completion_window: z.string(),
  status: z.enum([
    'validating',
    'failed',
    'in_progress',
    'finalizing',
    'completed',
    'expired',
    'cancelling',
    'cancelled',
  ]),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: z.int(),
  in_progress_at: second,
  expires_at: z.int(),
  finalizing_at: second,
  completed_at: second,
  failed_at: second,
  expired_at: second,
  cancelling_at: second,
  cancelled_at: second,
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  metadata: z.record(z.string(), z.string()).nullable(),
});

export type Batch = z.output<typeof batchSchema>;

/** What is stored of a batch: its files have their names from the beginning, so that they are made once. */
export const batchRecordSchema = z.object({ batch: batchSchema, outputFile: z.string(), errorFile: z.string() });

export type BatchRecord = z.output<typeof batchRecordSchema>;

export function isOver({ status }: Batch): boolean {
  return status === 'completed' || status === 'failed' || status === 'expired' || status === 'cancelled';
}
