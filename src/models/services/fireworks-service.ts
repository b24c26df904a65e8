import type { HostedService } from './hosted-service.js';

export const fireworksService: HostedService = {
  name: 'fireworks',
  title: 'Fireworks',
  example: 'accounts/fireworks/models/llama-v3p3-70b-instruct',
  naming:
    '`accounts/ACCOUNT/models/NAME`, fine-tuned ones too; deployments of your own as `accounts/ACCOUNT/deployments/ID`',
  variables: { address: 'FIREWORKS_BASE_URL', key: 'FIREWORKS_API_KEY' },
  endpoint: 'https://api.fireworks.ai/inference/v1',
  needsKey: true,
  chat: {
    lengthSetting: 'max_tokens',
    logProbabilities: { most: 5, form: 'protocol' },
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: {
    jobs: false,
    why: 'its fine-tuning jobs have an interface of their own, which driftline does not speak',
    instead:
      'fine-tune there by its own tools, and name the model that comes out as a base of a plan without conditions',
  },
  loadsAdapters: false,
  listsAllModels: false,
  remarks: [],
};
