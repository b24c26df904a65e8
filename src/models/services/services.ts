import { officialEndpoint, type HostedService } from './hosted-service.js';
import { openaiFineTuningEnd, openaiRetirements, tinkerRetirements } from './retirements.js';

const openaiService: HostedService = {
  name: 'openai',
  title: 'OpenAI',
  example: 'gpt-6-luna',
  naming: 'as in its list of models; fine-tuned ones as `ft:gpt-4.1-mini-2025-04-14:org:suffix:id`',
  variables: { address: 'OPENAI_BASE_URL', key: 'OPENAI_API_KEY' },
  endpoint: officialEndpoint,
  needsKey: true,
  chat: {
    // Its newer models refuse `max_tokens`.
    lengthSetting: 'max_completion_tokens',
    logProbabilities: { most: 20, form: 'protocol' },
    scoresTexts: 'no',
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: { jobs: true, ends: openaiFineTuningEnd },
  loadsAdapters: false,
  listsAllModels: true,
  remarks: [],
  retirements: openaiRetirements,
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
    scoresTexts: 'unknown',
    n: 'unknown',
    seed: 'unknown',
    topP: 'unknown',
    stop: 'unknown',
    neutral: {},
  },
  fineTuning: { jobs: true },
  listsAllModels: false,
  retirements: [],
};

const azureService: HostedService = {
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
    scoresTexts: 'no',
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: {
    jobs: false,
    why: 'a model that is fine-tuned there has to be deployed before it is asked, which driftline does not do',
    instead: 'fine-tune and deploy it there, and name the deployment as a condition: { model: azure:DEPLOYMENT }',
  },
  loadsAdapters: false,
  // It lists models, and is asked for deployments.
  listsAllModels: false,
  remarks: [],
  retirements: [],
};

const fireworksService: HostedService = {
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
    scoresTexts: 'no',
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: {
    jobs: false,
    why: 'its fine-tuning jobs have an interface of their own, which driftline does not speak',
    instead: 'fine-tune there by its own tools, and name the model that comes out as a condition: { model: NAME }',
  },
  loadsAdapters: false,
  listsAllModels: false,
  remarks: [],
  retirements: [],
};

const togetherService: HostedService = {
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
    scoresTexts: 'no',
    n: 'yes',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    neutral: {},
  },
  fineTuning: {
    jobs: false,
    why: 'its fine-tuning jobs have paths and fields of their own (/fine-tunes), which driftline does not speak',
    instead: 'fine-tune there by its own tools, and name the model that comes out as a condition: { model: NAME }',
  },
  loadsAdapters: false,
  listsAllModels: false,
  remarks: [],
  retirements: [],
};

const openrouterService: HostedService = {
  name: 'openrouter',
  title: 'OpenRouter',
  example: 'qwen/qwen3-8b',
  naming: '`maker/name`, as in its list; endings such as `:free` choose a variant',
  variables: { address: 'OPENROUTER_BASE_URL', key: 'OPENROUTER_API_KEY' },
  endpoint: 'https://openrouter.ai/api/v1',
  needsKey: true,
  chat: {
    lengthSetting: 'max_tokens',
    // Those of the provider that it chooses.
    logProbabilities: { most: null, form: 'protocol' },
    scoresTexts: 'no',
    n: 'unknown',
    seed: 'yes',
    topP: 'yes',
    stop: 'yes',
    // Otherwise a provider may answer that leaves out what it does not know, such as a seed.
    neutral: { provider: { require_parameters: true } },
  },
  fineTuning: {
    jobs: false,
    why: 'it passes requests on, and does not train',
    instead: 'fine-tune hf:owner/name or ./folder here',
  },
  loadsAdapters: false,
  // The list lacks endings that choose among providers, such as `:nitro`.
  listsAllModels: false,
  saysCharge: true,
  remarks: [
    'it chooses a provider for each request, and only among those that know all settings of it (`require_parameters`); a model without such a provider is refused. Providers may hold one model in different precisions',
    'its answers say what they were charged, and that is what is counted; for estimates and `--max-cost` the plan needs `prices`',
  ],
  retirements: [],
};

const tinkerService: HostedService = {
  name: 'tinker',
  title: 'Tinker',
  example: 'Qwen/Qwen3-8B',
  naming:
    '`maker/name`, as in its list of models; fine-tuned ones by the path of weights that were saved for sampling, `tinker://RUN/sampler_weights/NAME`',
  // As its own SDK reads it: without the path of OpenAI's protocol.
  variables: { address: 'TINKER_BASE_URL', key: 'TINKER_API_KEY' },
  endpoint: 'https://tinker.thinkingmachines.dev/services/tinker-prod/oai/api/v1',
  needsKey: true,
  completeAddress: (written) => (written.endsWith('/oai/api/v1') ? written : `${written}/oai/api/v1`),
  chat: {
    lengthSetting: 'max_tokens',
    logProbabilities: { most: null, form: 'protocol' },
    scoresTexts: 'unknown',
    n: 'unknown',
    seed: 'unknown',
    topP: 'unknown',
    stop: 'unknown',
    neutral: {},
  },
  fineTuning: {
    jobs: false,
    why: 'it trains step by step through its own SDK, for which a plan has the key tinker',
    instead: 'give the plan that key, such as tinker: { tokenizer: hf:OWNER/NAME } (docs/tinker.md)',
  },
  loadsAdapters: false,
  // The paths of weights are not among its models.
  listsAllModels: false,
  remarks: [
    'its endpoint of this protocol is a beta, and writes conversations by a template of its own; not run by us',
  ],
  retirements: tinkerRetirements,
};

const vllmService: HostedService = {
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
    scoresTexts: 'yes',
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
  retirements: [],
};

const ollamaService: HostedService = {
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
    scoresTexts: 'no',
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
  retirements: [],
};

const llamaCppService: HostedService = {
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
    scoresTexts: 'no',
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
  retirements: [],
};

/** All services, by what model names begin with. What is known of them anywhere comes from here. */
export const services = {
  openai: openaiService,
  together: togetherService,
  fireworks: fireworksService,
  azure: azureService,
  openrouter: openrouterService,
  tinker: tinkerService,
  vllm: vllmService,
  ollama: ollamaService,
  'llama-cpp': llamaCppService,
} as const satisfies Readonly<Record<string, HostedService>>;

export type ServiceName = keyof typeof services;

// Its keys are the names of the type.
export const serviceNames = Object.keys(services) as readonly ServiceName[];

/** The service of a name, at an address: under OpenAI's name anybody may answer elsewhere. */
export function findService(name: ServiceName, endpoint: string): HostedService {
  const service: HostedService = services[name];
  return service === openaiService && endpoint !== openaiService.endpoint ? otherService : service;
}
