import type { HostedService } from './hosted-service.js';

export const ollamaService: HostedService = {
  name: 'ollama',
  title: 'Ollama',
  example: 'llama3.2:3b',
  naming: '`name:tag`, as `ollama list` shows them; `:latest` may be left out',
  variables: { address: 'OLLAMA_BASE_URL', key: 'OLLAMA_API_KEY' },
  endpoint: 'http://127.0.0.1:11434/v1',
  needsKey: false,
  chat: {
    lengthSetting: 'max_tokens',
    // From version 0.12.11; older ones leave them out.
    logProbabilities: { most: 20, form: 'protocol' },
    n: 'no',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: {
    jobs: false,
    why: 'it answers, and does not train',
    instead: 'fine-tune hf:owner/name or ./folder here',
  },
  loadsAdapters: false,
  listsAllModels: true,
  remarks: [
    'it cuts to the likeliest tokens and weighs repetitions by settings of its own (top_k, repeat_penalty), or by PARAMETER lines of the Modelfile: no request can change that',
  ],
};
