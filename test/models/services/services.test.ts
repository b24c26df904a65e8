import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JudgeReply } from '../../../src/judging/language-judge.js';
import { readRubric } from '../../../src/judging/rubric.js';
import { readHostedEndpoint } from '../../../src/models/services/hosted-service.js';
import { isHosted, resolveModelReference } from '../../../src/models/model-reference.js';
import { openHostedJudge } from '../../../src/models/hosted/chat/open-hosted-judge.js';
import { openModelSampler } from '../../../src/models/open-model-sampler.js';
import type { ReportedUse } from '../../../src/models/hosted/spending/hosted-prices.js';
import type { SpendingMeter } from '../../../src/models/hosted/spending/spending-ledger.js';
import { findService, serviceNames, services, type ServiceName } from '../../../src/models/services/services.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { complete, type LoopbackRequest } from '../loopback-chat-server.js';
import { describeSampler } from '../sampler-conformance.js';
import {
  serviceKey,
  startLoopbackService,
  startServiceInTest,
  type LoopbackService,
  type ServiceReply,
  type ServiceRequest,
} from './loopback-service.js';

const deployment = 'my-deployment';

/** Where each takes chat completions, under the address that a user writes. */
const chatPaths: Readonly<Record<ServiceName, string>> = {
  openai: '/v1/chat/completions',
  together: '/v1/chat/completions',
  fireworks: '/inference/v1/chat/completions',
  azure: '/openai/v1/chat/completions',
  openrouter: '/api/v1/chat/completions',
  tinker: '/services/tinker-prod/oai/api/v1/chat/completions',
  vllm: '/v1/chat/completions',
  ollama: '/v1/chat/completions',
  'llama-cpp': '/v1/chat/completions',
};

function answerChat(path: string): (request: ServiceRequest) => ServiceReply | null {
  return ({ url, body }) => {
    if (url !== path) return null;
    // As the sampler that is tested sends them.
    const request = body as LoopbackRequest;
    return { body: complete({ ...request, max_tokens: request.max_completion_tokens ?? request.max_tokens ?? 16 }) };
  };
}

const openSampler = (name: ServiceName, environment: Record<string, string>) =>
  openModelSampler(resolveModelReference(`${name}:${services[name].example}`), { environment, fetch });

async function askOnce(name: ServiceName, environment: Record<string, string>): Promise<void> {
  const sampler = await openSampler(name, environment);
  const messages = [{ role: 'user' as const, content: 'Hello?' }];
  for await (const { text } of sampler.sample([{ messages, seed: 3, maximumTokens: 5 }])) expect(text).not.toBe('');
}

describe('the table of services', () => {
  it('has each under its own name, with variables of its own and an example that can be named', () => {
    const variables = serviceNames.flatMap((name) => {
      const { address, key } = services[name].variables;
      return [address, key];
    });
    expect(new Set(variables).size).toBe(variables.length);
    for (const name of serviceNames) {
      const { example, endpoint, ...service } = services[name];
      expect(service.name).toBe(name);
      const reference = resolveModelReference(`${name}:${example}`);
      expect(isHosted(reference) && reference.model).toBe(example);
      expect(endpoint === null || /[^/]$/.test(new URL(endpoint).pathname)).toBe(true);
    }
  });

  it("knows nothing of who answers at another address under OpenAI's name", () => {
    expect(findService('openai', 'https://api.openai.com/v1').chat.logProbabilities.most).toBe(20);
    expect(findService('openai', 'http://127.0.0.1:8700/v1').chat.logProbabilities.most).toBeNull();
    expect(findService('vllm', 'http://127.0.0.1:9000/v1')).toBe(services.vllm);
  });

  it('has an address for each but Azure, where everybody has another', async () => {
    expect(readHostedEndpoint({}, services.ollama)).toBe('http://127.0.0.1:11434/v1');
    const error = await errorOf(() => Promise.resolve().then(() => readHostedEndpoint({}, services.azure)));
    expect(error).toMatchObject({ code: 'usage-invalid', exitCode: 2 });
    expect(error.message).toContain('AZURE_OPENAI_ENDPOINT is not set');
  });
});

describe.each(serviceNames)('a model of %s', (name) => {
  let service: LoopbackService;
  beforeAll(async () => {
    service = await startLoopbackService(name, answerChat(chatPaths[name]));
  });
  afterAll(() => service.close());
  describeSampler(`${name}:`, () => openSampler(name, service.environment));
});

describe('a request', () => {
  const common = {
    messages: [{ role: 'user', content: 'Hello?' }],
    temperature: 1,
    top_p: 1,
    seed: 3,
  };

  it.each<[ServiceName, object]>([
    ['openai', { max_tokens: 5 }],
    ['together', { max_tokens: 5 }],
    ['fireworks', { max_tokens: 5 }],
    ['azure', { max_completion_tokens: 5 }],
    // Otherwise a provider may answer that knows no seeds, and says nothing of it.
    ['openrouter', { max_tokens: 5, provider: { require_parameters: true } }],
    ['tinker', { max_tokens: 5 }],
    // Without these the settings of the model's maker count: vLLM's --generation-config, of which `auto` is usual.
    ['vllm', { max_tokens: 5, top_k: -1, min_p: 0, repetition_penalty: 1 }],
    ['ollama', { max_tokens: 5 }],
    // The usual ones of tools/server are top_k 40 and min_p 0.05.
    ['llama-cpp', { max_tokens: 5, top_k: 0, min_p: 0, repeat_penalty: 1 }],
  ])('to %s has what it needs there, and goes where it is taken', async (name, besides) => {
    const server = await startServiceInTest(name, answerChat(chatPaths[name]));
    await askOnce(name, server.environment);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({ method: 'POST', url: chatPaths[name] });
    expect(server.requests[0]?.body).toEqual({ model: services[name].example, ...common, ...besides });
    if (services[name].needsKey) expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${serviceKey}`);
  });

  it('to Azure with a version names the deployment in its path, and has the key in a header of its own', async () => {
    const path = `/openai/deployments/${deployment}/chat/completions?api-version=2024-10-21`;
    const server = await startServiceInTest('azure', answerChat(path));
    await askOnce('azure', { ...server.environment, AZURE_OPENAI_API_VERSION: '2024-10-21' });
    expect(server.requests[0]).toMatchObject({ url: path, headers: { 'api-key': serviceKey } });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    const error = await errorOf(() =>
      askOnce('azure', { ...server.environment, AZURE_OPENAI_API_VERSION: '2024&x=1' }),
    );
    expect(error.message).toBe('AZURE_OPENAI_API_VERSION is no version');
  });

  it("to Tinker goes to the path of OpenAI's protocol, whatever its own SDK adds to the address", async () => {
    const server = await startServiceInTest('tinker', answerChat('/oai/api/v1/chat/completions'));
    await askOnce('tinker', { ...server.environment, TINKER_BASE_URL: new URL(server.address).origin });
    expect(server.requests).toHaveLength(1);
  });

  it.each<[ServiceName, number | undefined]>([
    ['openrouter', 0.0125],
    // What another means by it nobody knows.
    ['together', undefined],
  ])(
    'to %s is counted by what the answer says that it costs, where that is known to be dollars',
    async (name, cost) => {
      const server = await startServiceInTest(name, (request) => {
        const reply = answerChat(chatPaths[name])(request);
        // As the loopback server answers.
        const body = reply?.body as { usage: object } | undefined;
        return body === undefined ? null : { body: { ...body, usage: { ...body.usage, cost: 0.0125 } } };
      });
      const counted: (ReportedUse | null)[] = [];
      const meter = { isLimited: false, count: (used: ReportedUse | null) => counted.push(used) };
      const model = resolveModelReference(`${name}:${services[name].example}`);
      const sampler = await openModelSampler(model, {
        ...{ environment: server.environment, fetch },
        // Of a meter without a limit nothing else is used.
        meter: { ...meter, hold: (_: unknown, __: unknown, work: () => unknown) => work() } as unknown as SpendingMeter,
      });
      const asked = sampler.sample([{ messages: [{ role: 'user', content: 'Hello?' }], maximumTokens: 5 }]);
      for await (const { text } of asked) expect(text).not.toBe('');
      expect(counted).toEqual([{ input: 1, output: 5, ...(cost === undefined ? {} : { charged: cost }) }]);
    },
  );

  it('has the key of its own service and no other', async () => {
    const server = await startServiceInTest('together', answerChat(chatPaths.together));
    const keys = Object.fromEntries(
      serviceNames.map((name) => [services[name].variables.key, `sk-${name}-key-000000`]),
    );
    await askOnce('together', { ...keys, TOGETHER_BASE_URL: server.address, OPENAI_ORG_ID: 'org-mine' });
    expect(server.requests[0]?.headers.authorization).toBe('Bearer sk-together-key-000000');
    expect(server.requests[0]?.headers['openai-organization']).toBeUndefined();
    const error = await errorOf(() => askOnce('together', { OPENAI_API_KEY: serviceKey }));
    expect(error).toMatchObject({ code: 'provider-unauthorized', message: 'TOGETHER_API_KEY is not set' });
  });
});

describe('a judge by log-probabilities', () => {
  const message = { role: 'assistant', content: '90' };
  const probabilities: JudgeReply['distribution'] = [
    ['90', 0.75],
    ['80', 0.25],
  ];
  const log = (probability: number): number => Math.log(probability);

  /** What each answers to a prompt of one token. */
  const completions: Partial<Record<ServiceName, object>> = {
    // The types of its client: an object of token to number beside lists; its server writes one such object a token.
    together: {
      choices: [
        {
          index: 0,
          finish_reason: 'length',
          message,
          logprobs: {
            token_ids: [1],
            tokens: ['90'],
            token_logprobs: [log(0.75)],
            top_logprobs: [{ '90': log(0.75), '80': log(0.25) }],
          },
        },
      ],
    },
    // vllm/entrypoints/openai: as OpenAI, with -9999.0 where a token has none.
    vllm: {
      choices: [
        {
          index: 0,
          finish_reason: 'length',
          message,
          logprobs: {
            content: [
              {
                token: '90',
                logprob: log(0.75),
                bytes: [57, 48],
                top_logprobs: [
                  { token: '90', logprob: log(0.75), bytes: [57, 48] },
                  { token: '80', logprob: log(0.25), bytes: [56, 48] },
                  { token: '70', logprob: -9999, bytes: [55, 48] },
                ],
              },
            ],
          },
        },
      ],
    },
  };

  it.each<[ServiceName, object]>([
    ['together', { max_tokens: 1, logprobs: 20 }],
    ['vllm', { max_tokens: 1, logprobs: true, top_logprobs: 20, top_k: -1, min_p: 0, repetition_penalty: 1 }],
  ])('asks %s in its form, and reads what it gives', async (name, besides) => {
    const server = await startServiceInTest(name, ({ url }) =>
      url === chatPaths[name] ? { body: completions[name] } : null,
    );
    const judge = openHostedJudge({
      model: { provider: name, text: `${name}:judge-1`, model: 'judge-1' },
      mode: 'logprobs',
      samples: 1,
      rubric: await readRubric(),
      environment: server.environment,
      fetch,
    });
    const judgement = await judge.judge({ messages: [{ role: 'user', content: 'Well?' }], answer: 'Fine.' });
    expect(judgement).toMatchObject({
      alignment: expect.closeTo(87.5),
      details: {
        alignment: { distribution: probabilities.map(([token, p]): [string, unknown] => [token, expect.closeTo(p)]) },
      },
    });
    expect(server.requests[0]?.body).toEqual({
      model: 'judge-1',
      messages: [{ role: 'user', content: expect.stringContaining('Fine.') }],
      temperature: 0,
      seed: 0,
      ...besides,
    });
  });
});
