import { officialEndpoint } from '../hosted-endpoint.js';
import type { HostedService } from './hosted-service.js';

export const openaiService: HostedService = {
  name: 'openai',
  title: 'OpenAI',
  example: 'gpt-4o-2024-08-06',
  naming: 'as in its list of models; fine-tuned ones as `ft:gpt-4.1-mini-2025-04-14:org:suffix:id`',
  variables: { address: 'OPENAI_BASE_URL', key: 'OPENAI_API_KEY' },
  endpoint: officialEndpoint,
  needsKey: true,
  chat: {
    // Its newer models refuse `max_tokens`.
    lengthSetting: 'max_completion_tokens',
    logProbabilities: { most: 20, form: 'protocol' },
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: { jobs: true },
  loadsAdapters: false,
  listsAllModels: true,
  remarks: [],
};

/** Whoever answers at another address than OpenAI's under the same names: what it can do, it alone can tell. */
export const otherService: HostedService = {
  ...openaiService,
  title: 'any other server of the protocol',
  example: 'my-model',
  naming: 'as the server spells them',
  endpoint: null,
  chat: {
    // Older servers of other makers ignore its successor.
    lengthSetting: 'max_tokens',
    logProbabilities: { most: null, form: 'protocol' },
    n: 'unknown',
    seed: 'unknown',
    topP: 'unknown',
    stop: 'unknown',
    neutral: {},
  },
  listsAllModels: false,
};
