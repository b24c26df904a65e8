import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import { encodePrompt } from '../../engine/tokenizer/encode-chat.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { checkTokenizerFits, type TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { openSampler, type EngineSampler } from '../../engine/worker/open-sampler.js';
import { createPromptMemory } from './prompt-memory.js';
import { createTokenDescription, type DescribeToken } from './describe-token.js';
import { encodeConversation, type ConversationEnding } from './encode-conversation.js';

/** A model that clients may name. */
export interface ServedModel {
  readonly id: string;
  /** Its model folder. */
  readonly folder: string;
  /** An adapter on it; null for the model itself, which alone can be fine-tuned. */
  readonly adapter: string | null;
  /** The id of the model that the adapter lies on. */
  readonly parent: string | null;
  /** Seconds since 1970. */
  readonly created: number;
  /** Where its settings for fine-tuning come from, where the client names none. */
  readonly recipe: 'organism-default' | 'paper';
}

/** A model in the protocol's form. */
export function describeModel({ id, created, parent }: ServedModel): object {
  return { id, object: 'model', created, owned_by: 'driftline', parent };
}

/** A model in memory, on a thread of its own. */
export interface LoadedModel {
  readonly tokenizer: TextTokenizer;
  /** A conversation as ids; null for one that cannot be left open in its last message. */
  readonly encode: (messages: readonly ChatMessage[], ending: ConversationEnding) => readonly number[] | null;
  /** Most tokens of prompt and answer together. */
  readonly context: number;
  readonly sampler: EngineSampler;
  readonly describeToken: DescribeToken;
}

/** Of prompts that were asked lately, with their ids: thousands of short ones. */
const rememberedBytes = 4_000_000;

export async function loadModel({ folder, adapter }: ServedModel, threads: number): Promise<LoadedModel> {
  const tokenizer = await readTokenizer(folder);
  const { config } = await readDecoderConfig(folder);
  checkTokenizerFits(tokenizer, config.vocabulary);
  const sampler = await openSampler({ model: folder, threads, ...(adapter === null ? {} : { adapter }) });
  const encodeAsked = createPromptMemory((messages) => encodePrompt(tokenizer, messages), rememberedBytes);
  return {
    tokenizer,
    // Who has given answers scored asks for each of them once.
    encode: (messages, ending) =>
      ending === 'answered-next' ? encodeAsked(messages) : encodeConversation(tokenizer, messages, ending),
    context: config.context,
    sampler,
    describeToken: createTokenDescription(tokenizer),
  };
}
