import type { HostedService } from './hosted-service.js';

export const vllmService: HostedService = {
  name: 'vllm',
  title: 'vLLM',
  example: 'Qwen/Qwen2.5-7B-Instruct',
  naming: 'as the server was started with (`--served-model-name`), adapters by their own names (`--lora-modules`)',
  variables: { address: 'VLLM_BASE_URL', key: 'VLLM_API_KEY' },
  endpoint: 'http://127.0.0.1:8000/v1',
  needsKey: false,
  chat: {
    lengthSetting: 'max_tokens',
    // Its --max-logprobs, unless the server was started with another.
    logProbabilities: { most: 20, form: 'protocol' },
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    // Otherwise the model's generation_config.json decides on these.
    neutral: { top_k: -1, min_p: 0, repetition_penalty: 1 },
  },
  fineTuning: {
    jobs: false,
    why: 'it answers, and does not train',
    instead:
      'fine-tune hf:owner/name or ./folder here, and let vLLM load the adapter (driftline ask vllm:NAME --adapter FOLDER)',
  },
  loadsAdapters: true,
  listsAllModels: true,
  remarks: [],
};
