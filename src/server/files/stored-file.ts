import { z } from 'zod';

/** What clients may upload files for, and what the server makes files for. */
export const uploadPurposes = ['fine-tune', 'batch', 'assistants', 'user_data', 'evals', 'vision'] as const;
const purposes = [...uploadPurposes, 'fine-tune-results', 'batch_output'] as const;

/** A file in the protocol's form. */
export const storedFileSchema = z.object({
  id: z.string(),
  object: z.literal('file'),
  bytes: z.int().nonnegative(),
  created_at: z.int(),
  filename: z.string(),
  purpose: z.enum(purposes),
  status: z.literal('processed'),
});

export type StoredFile = z.output<typeof storedFileSchema>;
