import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { goldenFolder, type GoldenName } from '../checkpoint/golden-folder.js';

const array = z
  .object({ shape: z.array(z.int()), dtype: z.literal('float32'), data: z.base64() })
  .transform(({ shape, data }) => {
    const bytes = Buffer.from(data, 'base64');
    return { shape, data: new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)) };
  });

const training = z.object({
  lr: z.number(),
  weight_decay: z.number(),
  clip: z.number(),
  steps: z.array(z.object({ loss: z.number(), grad_norm: z.number(), lr: z.number() })),
});

const referenceSchema = z.object({
  input_ids: z.array(z.array(z.int())),
  attention_mask: z.array(z.array(z.int())),
  loss_mask: z.array(z.array(z.int())),
  logits: array,
  hidden: array,
  lora: training,
  full: training,
});

export type GoldenReference = z.output<typeof referenceSchema>;

/** What transformers, PEFT and PyTorch computed for a golden checkpoint. */
export async function readGoldenReference(name: GoldenName): Promise<GoldenReference> {
  return referenceSchema.parse(JSON.parse(await readFile(join(goldenFolder(name), 'reference.json'), 'utf8')));
}

/** The reference's rows without the padding on their right, with the weights of their supervised tokens. */
export function goldenRows(reference: GoldenReference): { ids: number[]; weights: number[] }[] {
  return reference.input_ids.map((ids, row) => {
    const length = reference.attention_mask[row]!.reduce((sum, bit) => sum + bit, 0);
    return { ids: ids.slice(0, length), weights: reference.loss_mask[row]!.slice(0, length) };
  });
}
