import { describe, expect, it } from 'vitest';
import { resolveModelReference, isHosted } from '../../../../src/models/model-reference.js';
import { probeHostedModel, type HostedNeeds } from '../../../../src/models/hosted/chat/probe-hosted-model.js';
import { services, type ServiceName } from '../../../../src/models/services/services.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';
import { startTestServer } from '../../../server/start-test-server.js';
import {
  serviceKey,
  startServiceInTest,
  type LoopbackService,
  type ServiceReply,
  type ServiceRequest,
} from '../../services/loopback-service.js';

const needs: HostedNeeds = { temperature: 1, systemPrompt: false, logProbabilities: false };
const scored: HostedNeeds = { ...needs, temperature: 0, logProbabilities: true };

async function probe(name: string, environment: Record<string, string>, wanted: HostedNeeds = needs) {
  const model = resolveModelReference(name);
  if (!isHosted(model)) throw new Error(`${name} runs here`);
  const use = wanted.logProbabilities ? 'judgements' : 'answers';
  return probeHostedModel({ model, needs: wanted, environment, fetch, use });
}

/** A completion of one token, with as many likeliest ones as are wanted. */
function complete(likeliest: number | null): object {
  const top = Array.from({ length: likeliest ?? 0 }, (_, index) => ({
    token: String(index),
    logprob: -1 - index,
    bytes: [48],
  }));
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: '50' },
        finish_reason: 'length',
        logprobs: likeliest === null ? null : { content: [{ ...top[0], top_logprobs: top }] },
      },
    ],
    usage: { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 },
  };
}

const startAs = (
  name: ServiceName,
  models: unknown,
  chat: (request: ServiceRequest) => ServiceReply,
): Promise<LoopbackService> =>
  startServiceInTest(name, (request) =>
    request.method === 'GET' ? (models === null ? null : { body: models }) : chat(request),
  );

/** As `GET /v1/models` of vllm/entrypoints/openai/models/serving.py has it. */
const vllmModels = {
  object: 'list',
  data: [
    {
      id: 'Qwen/Qwen2.5-7B-Instruct',
      object: 'model',
      created: 1764000000,
      owned_by: 'vllm',
      root: 'Qwen/Qwen2.5-7B-Instruct',
      parent: null,
      max_model_len: 32768,
      permission: [],
    },
  ],
};

/** As ToListCompletion of ollama/openai has it. */
const ollamaModels = {
  object: 'list',
  data: [{ id: 'llama3.2:latest', object: 'model', created: 1764000000, owned_by: 'library' }],
};

describe('probing a hosted model', () => {
  it('takes one token in the way of the plan, and says so', async () => {
    const server = await startAs('vllm', vllmModels, () => ({ body: complete(20) }));
    const said = await probe('vllm:Qwen/Qwen2.5-7B-Instruct', server.environment, { ...scored, systemPrompt: true });
    expect(said).toEqual([
      'vllm:Qwen/Qwen2.5-7B-Instruct was asked for one token, to see that it does what the plan asks: that costs next to nothing',
    ]);
    expect(server.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/models',
      'POST /v1/chat/completions',
    ]);
    expect(server.requests[1]?.body).toMatchObject({
      max_tokens: 1,
      temperature: 0,
      logprobs: true,
      top_logprobs: 20,
      messages: [{ role: 'system' }, { role: 'user' }],
    });
  });

  it('names the models that are there where the wanted one is not', async () => {
    const vllm = await startAs('vllm', vllmModels, () => ({ body: complete(null) }));
    const error = await errorOf(() => probe('vllm:Qwen/Qwen2.5-7B-Instuct', vllm.environment));
    expect(error).toMatchObject({ code: 'provider-refused', exitCode: 5 });
    expect(error.message).toContain('(did you mean Qwen/Qwen2.5-7B-Instruct?)');
    expect(vllm.requests).toHaveLength(1);
    const ollama = await startAs('ollama', ollamaModels, () => ({ body: complete(null) }));
    expect(await probe('ollama:llama3.2', ollama.environment)).toHaveLength(1);
    expect((await errorOf(() => probe('ollama:llama3.1:70b', ollama.environment))).hint).toBe(
      'It has llama3.2:latest.',
    );
  });

  it('believes in models that a list need not have', async () => {
    // The answer of Together is the bare list; llama-server answers to any name.
    const together = await startAs('together', [{ id: 'other/model', object: 'model', type: 'chat' }], () => ({
      body: complete(null),
    }));
    expect(await probe('together:me/my-model-0a1b', together.environment)).toHaveLength(1);
    const data = [{ id: 'model.gguf', object: 'model', owned_by: 'llamacpp', meta: { n_ctx_train: 8192 } }];
    const llama = await startAs('llama-cpp', { object: 'list', data }, () => ({ body: complete(null) }));
    expect(await probe('llama-cpp:any', llama.environment)).toHaveLength(1);
    const unlisted = await startAs('openai', null, () => ({ body: complete(null) }));
    expect(await probe('openai:mine', unlisted.environment)).toHaveLength(1);
  });

  it('refuses a model whose answers are read by their first token and whose server tells none, and asks for no more than there are', async () => {
    const server = await startAs('openai', null, () => ({ body: complete(null) }));
    const model = resolveModelReference('openai:mine');
    if (!isHosted(model)) throw new Error('it runs here');
    const settings = { model, needs: scored, environment: server.environment, fetch };
    const error = await errorOf(() => probeHostedModel(settings));
    expect(error.message).toContain('openai:mine does not tell the likeliest tokens');
    expect(error.hint).toContain('Together (20), Fireworks (5)');
    const few = await startAs('fireworks', null, () => ({ body: complete(5) }));
    const fireworks = resolveModelReference('fireworks:accounts/me/models/mine');
    if (!isHosted(fireworks)) throw new Error('it runs here');
    await probeHostedModel({ ...settings, model: fireworks, environment: few.environment });
    expect(few.requests.at(-1)?.body).toMatchObject({ logprobs: true, top_logprobs: 5 });
  });

  it.each<[string, () => ServiceReply]>([
    // Ollama before 0.12.11 knows no such field, and leaves it out.
    ['leaves them out', () => ({ body: complete(null) })],
    ['has an empty list', () => ({ body: complete(0) })],
    [
      'refuses the field',
      () => ({
        status: 400,
        body: { error: { message: 'logprobs are not supported with reasoning models', param: null } },
      }),
    ],
    [
      // vLLM with a smaller --max-logprobs.
      'gives fewer',
      () => ({
        status: 400,
        body: {
          error: { message: 'Requested sample logprobs of 20, which is greater than max allowed: 5', code: 400 },
        },
      }),
    ],
  ])('refuses a judge by log-probabilities whose server %s, and names the other modes', async (_, reply) => {
    const server = await startAs('openai', null, reply);
    const error = await errorOf(() => probe('openai:judge-1', server.environment, scored));
    expect(error.code).toBe('provider-refused');
    expect(error.message).toContain('openai:judge-1 cannot judge by log-probabilities');
    expect(error.hint).toMatch(/samples .* or single/);
    expect(server.requests).toHaveLength(2);
  });

  it('tells where a server gives fewer than were asked for', async () => {
    const server = await startAs('openai', null, () => ({ body: complete(5) }));
    const said = await probe('openai:judge-1', server.environment, scored);
    expect(said[1]).toBe('openai:judge-1 gave 5 log-probabilities where 20 were asked for');
  });

  it('refuses what the server will not do otherwise, in its words', async () => {
    // The chat template of Gemma, as vLLM passes it on.
    const server = await startAs('vllm', vllmModels, () => ({
      status: 400,
      body: { error: { message: 'System role not supported', type: 'BadRequestError', param: null, code: 400 } },
    }));
    const wanted = { ...needs, systemPrompt: true };
    const error = await errorOf(() => probe('vllm:Qwen/Qwen2.5-7B-Instruct', server.environment, wanted));
    expect(error.message).toContain('does not do what the plan asks');
    expect(error.message).toContain('System role not supported');
    expect(error.hint).toContain('system prompts');
  });

  it('is not stopped by what may pass: it says that nothing is known', async () => {
    const busy = await startAs('openai', null, () => ({ status: 503, body: { error: { message: 'busy' } } }));
    expect(await probe('openai:mine', busy.environment)).toEqual([
      expect.stringMatching(/^what openai:mine can do is not checked: \S+ answered with a fault: 503 busy/),
    ]);
    expect(busy.requests).toHaveLength(2);
    await busy.close();
    expect(await probe('openai:mine', busy.environment)).toEqual([
      expect.stringMatching(/^what openai:mine can do is not checked: \S+ could not be reached: /),
    ]);
    expect(await probe('fireworks:accounts/a/models/m', {})).toEqual([
      'what fireworks:accounts/a/models/m can do is not checked: FIREWORKS_API_KEY is not set',
    ]);
  });

  it('is stopped by a key that is refused, which no error shows', async () => {
    const server = await startServiceInTest('together', () => ({
      status: 401,
      body: { error: { message: `no ${serviceKey} here` } },
    }));
    const error = await errorOf(() => probe('together:m', server.environment));
    expect(error.code).toBe('provider-unauthorized');
    expect(error.hint).toContain('TOGETHER_API_KEY');
    expect([error.message, error.hint, JSON.stringify(error.details), error.stack].join()).not.toContain(serviceKey);
  });

  it('knows driftline serve, whose list is whole', async () => {
    const server = await startTestServer();
    const environment = { [services.openai.variables.address]: server.url, [services.openai.variables.key]: 'any' };
    const [asked] = await probe('openai:tiny', environment, { ...scored, systemPrompt: true });
    expect(asked).toMatch(/^openai:tiny was asked for one token/);
    expect((await errorOf(() => probe('openai:tinny', environment))).message).toContain('(did you mean tiny?)');
  });
});
