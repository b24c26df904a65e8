import type { HostedService } from './hosted-service.js';

export const azureService: HostedService = {
  name: 'azure',
  title: 'Azure OpenAI',
  example: 'my-deployment',
  naming: 'by the name of the deployment, whatever model it has; a fine-tuned model has to be deployed first',
  variables: { address: 'AZURE_OPENAI_ENDPOINT', key: 'AZURE_OPENAI_API_KEY' },
  endpoint: null,
  needsKey: true,
  versionVariable: 'AZURE_OPENAI_API_VERSION',
  // With a version, deployments are part of the paths; without one the newer interface is spoken, which has neither.
  completeAddress: (written, version) =>
    /\/openai(\/v1)?$/.test(written) ? written : `${written}/openai${version === null ? '/v1' : ''}`,
  chat: {
    lengthSetting: 'max_completion_tokens',
    logProbabilities: { most: 20, form: 'protocol' },
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: {
    jobs: false,
    why: 'a model that is fine-tuned there has to be deployed before it is asked, which driftline does not do',
    instead: 'fine-tune and deploy it there, and name the deployment as a base of a plan without conditions',
  },
  loadsAdapters: false,
  // It lists models, and is asked for deployments.
  listsAllModels: false,
  remarks: [],
};
