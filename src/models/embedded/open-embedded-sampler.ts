import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { encodePrompt } from '../../engine/tokenizer/encode-chat.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { checkTokenizerFits } from '../../engine/tokenizer/text-tokenizer.js';
import { openSampler } from '../../engine/worker/open-sampler.js';
import { requireMemoryForWeights } from './size-embedded-work.js';
import { createFirstTokenNames } from '../name-first-tokens.js';
import { listSamplingCalls, samplerClosed, samplerStopped, type Sampler } from '../sampler.js';

export interface EmbeddedSamplerSettings {
  /** A model folder. */
  readonly model: string;
  readonly adapter?: string;
  readonly threads?: number;
  /** The chat template that it is asked in, where that is not its own. */
  readonly chatTemplate?: string;
  /** Available memory in bytes: larger weights are refused. Default unlimited. */
  readonly memory?: number;
  /** Cancels the opening. */
  readonly signal?: AbortSignal;
}

/** A model folder, run by the engine on a thread of its own. An answer depends on its request and seed alone. */
export async function openEmbeddedSampler({
  signal,
  memory = Infinity,
  chatTemplate,
  ...settings
}: EmbeddedSamplerSettings): Promise<Sampler> {
  // Both are small, and show that a folder is broken before gigabytes are read.
  const tokenizer = await readTokenizer(settings.model, chatTemplate === undefined ? {} : { chatTemplate });
  const { config } = await readDecoderConfig(settings.model);
  checkTokenizerFits(tokenizer, config.vocabulary);
  requireMemoryForWeights(settings.model, config, memory);
  const isStopped = (): boolean => signal?.aborted === true;
  if (isStopped()) throw samplerStopped();
  const engine = await openSampler(settings);
  const nameTokens = createFirstTokenNames(tokenizer);
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await engine.close();
  };
  if (isStopped()) {
    await close();
    throw samplerStopped();
  }

  return {
    sample: async function* (requests, options = {}) {
      if (closed) throw samplerClosed();
      const wanted = listSamplingCalls(requests, options);
      const prompts = requests.map(({ messages }) => encodePrompt(tokenizer, messages));
      const engineRequests = wanted.map(({ request, seed, settings }) => ({
        prompt: prompts[request] ?? [],
        seed,
        temperature: settings.temperature,
        topP: settings.topP,
        maximumTokens: settings.maximumTokens,
        ...(settings.likeliest === 0
          ? {}
          : { logProbabilities: 'first' as const, topLogProbabilities: settings.likeliest }),
      }));
      for await (const { request: position, ids, finishReason, logProbabilities } of engine.sample(
        engineRequests,
        options,
      )) {
        const answered = wanted[position];
        if (answered === undefined) continue;
        const { request, index, seed } = answered;
        const text = tokenizer.decode(ids, { skipSpecialTokens: true });
        const first = logProbabilities === null ? {} : { first: nameTokens(logProbabilities[0]?.top ?? []) };
        yield { request, index, seed, text, finishReason, tokens: ids.length, ...first };
      }
    },
    close,
  };
}
