import { z } from 'zod';

const text = z.string().min(1);

/** How a plan has its bases of `tinker:` fine-tuned. */
export const tinkerSchema = z.strictObject({
  tokenizer: text
    .optional()
    .describe(
      'Tokenizer and chat template that rows are written with: hf:owner/name or a folder; the base itself on the hub (tinker:Qwen/Qwen3-8B: hf:Qwen/Qwen3-8B) if not given',
    ),
  ask: text
    .default('service')
    .describe(
      "Who answers: `service` (Tinker); `here` (the model of `tokenizer`, on this machine or the plan's cluster, with the adapter that is fetched); or another model that takes adapters, such as vllm:NAME",
    ),
  keep_adapter: z
    .boolean()
    .default(false)
    .describe('Whether adapters are fetched into the run folder even where the service answers'),
  save_every: z
    .int()
    .positive()
    .default(20)
    .describe('Steps between two states at the service, from which a fine-tune goes on'),
  project: text
    .optional()
    .describe('Project at Tinker that sessions belong to; that of TINKER_PROJECT_ID if not given'),
});

export type TinkerInput = z.input<typeof tinkerSchema>;

/** What a plan says, with what it leaves out filled in. */
export type TinkerSettings = z.output<typeof tinkerSchema>;
