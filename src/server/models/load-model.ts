import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { encodePrompt } from '../../engine/tokenizer/encode-chat.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { checkTokenizerFits, type TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { openSampler, type Sampler } from '../../engine/worker/open-sampler.js';
import { createPromptMemory, type PromptMemory } from './prompt-memory.js';
import type { ServedModel } from './served-model.js';
import { createTokenTexts, type TokenText } from './token-text.js';

/** A model in memory, on a thread of its own. */
export interface LoadedModel {
  readonly tokenizer: TextTokenizer;
  readonly encodePrompt: PromptMemory;
  /** Most tokens of prompt and answer together. */
  readonly context: number;
  readonly sampler: Sampler;
  readonly tokenText: (id: number) => TokenText;
}

/** Of prompts that were asked lately, with their ids: thousands of short ones. */
const rememberedBytes = 4_000_000;

export async function loadModel({ folder, adapter }: ServedModel, threads: number): Promise<LoadedModel> {
  const tokenizer = await readTokenizer(folder);
  const { config } = await readDecoderConfig(folder);
  checkTokenizerFits(tokenizer, config.vocabulary);
  const sampler = await openSampler({ model: folder, threads, ...(adapter === null ? {} : { adapter }) });
  return {
    tokenizer,
    encodePrompt: createPromptMemory((messages) => encodePrompt(tokenizer, messages), rememberedBytes),
    context: config.context,
    sampler,
    tokenText: createTokenTexts(tokenizer),
  };
}
