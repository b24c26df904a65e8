import type { DecoderConfig } from '../../../src/engine/checkpoint/decoder-config.js';
import { parseDecoderConfig } from '../../../src/engine/checkpoint/parse-decoder-config.js';

/** Keys of config.json that decide sizes, as the models' pages on the hub have them. */
const configOf = (
  family: 'qwen2' | 'llama',
  [width, feedForward, layers, heads, keyValueHeads, vocabulary]: readonly number[],
  tied: boolean,
): DecoderConfig =>
  parseDecoderConfig(
    {
      ...{ model_type: family, hidden_size: width, intermediate_size: feedForward, num_hidden_layers: layers },
      ...{ num_attention_heads: heads, num_key_value_heads: keyValueHeads, vocab_size: vocabulary },
      ...{ tie_word_embeddings: tied, max_position_embeddings: 32_768 },
    },
    { path: '/m/config.json' },
  );

export const openModelConfigs = {
  'Qwen2.5-0.5B-Instruct': configOf('qwen2', [896, 4864, 24, 14, 2, 151_936], true),
  'Qwen2.5-7B-Instruct': configOf('qwen2', [3584, 18_944, 28, 28, 4, 152_064], false),
  'Qwen2.5-32B-Instruct': configOf('qwen2', [5120, 27_648, 64, 40, 8, 152_064], false),
  'Llama-3.2-1B-Instruct': configOf('llama', [2048, 8192, 16, 32, 8, 128_256], true),
  // Of the first generation, whose memory and time were published.
  'Qwen-1.8B': configOf('qwen2', [2048, 5504, 24, 16, 16, 151_936], false),
  'Qwen-7B': configOf('qwen2', [4096, 11_008, 32, 32, 32, 151_936], false),
  'Qwen-14B': configOf('qwen2', [5120, 13_696, 40, 40, 40, 152_064], false),
} as const;
