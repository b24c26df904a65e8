import type { HostedService } from './hosted-service.js';

export const llamaCppService: HostedService = {
  name: 'llama-cpp',
  title: 'llama.cpp server',
  example: 'qwen2.5-7b-instruct',
  naming: 'a server of one model answers to any name; `--alias` gives it one',
  variables: { address: 'LLAMA_CPP_BASE_URL', key: 'LLAMA_CPP_API_KEY' },
  endpoint: 'http://127.0.0.1:8080/v1',
  needsKey: false,
  chat: {
    lengthSetting: 'max_tokens',
    logProbabilities: { most: 20, form: 'protocol' },
    // Older versions refuse more than one.
    n: 'unknown',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    // Otherwise it cuts to the 40 likeliest tokens, and to those of a twentieth of the likeliest one.
    neutral: { top_k: 0, min_p: 0, repeat_penalty: 1 },
  },
  fineTuning: {
    jobs: false,
    why: 'it answers, and does not train',
    instead: 'fine-tune hf:owner/name or ./folder here',
  },
  loadsAdapters: false,
  listsAllModels: false,
  remarks: [],
};
