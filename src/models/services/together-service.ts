import type { HostedService } from './hosted-service.js';

export const togetherService: HostedService = {
  name: 'together',
  title: 'Together',
  example: 'meta-llama/Llama-3.3-70B-Instruct-Turbo',
  naming: '`maker/name`; fine-tuned ones by the name that their job tells (`model_output_name`)',
  variables: { address: 'TOGETHER_BASE_URL', key: 'TOGETHER_API_KEY' },
  endpoint: 'https://api.together.ai/v1',
  needsKey: true,
  chat: {
    lengthSetting: 'max_tokens',
    logProbabilities: { most: 20, form: 'integer' },
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: {
    jobs: false,
    why: 'its fine-tuning jobs have paths and fields of their own (/fine-tunes), which driftline does not speak',
    instead:
      'fine-tune there by its own tools, and name the model that comes out as a base of a plan without conditions',
  },
  loadsAdapters: false,
  listsAllModels: false,
  remarks: [],
};
