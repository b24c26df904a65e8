import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { readdir } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createBodyBudget, requireRoom } from '../../src/server/http/admission.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { ask, beginPost, startTestServer, textFile, waitFor } from './start-test-server.js';

/** Of each refusal: it is told in the protocol's form. */
async function refusal(
  response: Response,
): Promise<{ status: number; param: unknown; code: unknown; message: string }> {
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('x-request-id')).toMatch(/^req_/);
  const body = (await response.json()) as { error: { message: string; type: string; param: unknown; code: unknown } };
  expect(Object.keys(body)).toEqual(['error']);
  expect(Object.keys(body.error).sort()).toEqual(['code', 'message', 'param', 'type']);
  expect(body.error.message).not.toMatch(/node:|dist\/|\n {4}at /);
  return { status: response.status, ...body.error };
}

const post = (url: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });

describe('bodies', () => {
  it.each([
    ['no JSON', '{"model": ', 400],
    ['nothing', '', 400],
    ['no object', '[]', 400],
    ['half a character', Buffer.from([0x22, 0xc3, 0x22]), 400],
    ['a million open brackets', '['.repeat(90_000), 400],
    ['too much', 'x'.repeat(300_000), 413],
  ])('of %s are refused', async (_name, body, status) => {
    const { url, client } = await startTestServer();
    expect(await refusal(await post(`${url}/chat/completions`, body))).toMatchObject({ status });
    await client.models.list();
  });

  it('of another type are refused, as pages in browsers could send them', async () => {
    const { url } = await startTestServer();
    const response = await post(`${url}/chat/completions`, '{}', { 'content-type': 'text/plain' });
    expect(await refusal(response)).toMatchObject({ status: 415 });
  });

  it('that are sent by half leave nothing behind', async () => {
    const { url, client } = await startTestServer();
    const half = await beginPost(`${url}/chat/completions`);
    half.sent.write('{"mo');
    half.sent.destroy();
    await client.models.list();
  });

  it('that are no HTTP are told so', async () => {
    const { url } = await startTestServer();
    const { hostname, port } = new URL(url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname);
      let text = '';
      socket.on('data', (data) => (text += data.toString()));
      socket.on('close', () => resolve(text));
      socket.write('\u0000\u0001\u0002 nonsense\r\n\r\n');
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"type":"invalid_request_error"');
  });
});

describe('chat requests', () => {
  it.each<[string, object, string]>([
    ['an unknown model', { model: 'gpt-9' }, 'model'],
    ['a path for a model', { model: '../../etc/passwd' }, 'model'],
    ['no messages', { messages: [] }, 'messages'],
    ['messages that are none', { messages: 'hello' }, 'messages'],
    ['an unknown role', { messages: [{ role: 'wizard', content: 'x' }] }, 'messages.0.role'],
    ['an image', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'messages.0.content'],
    ['more than the context', { messages: [{ role: 'user', content: 'word '.repeat(2000) }] }, 'messages'],
    ['far more than the context', { messages: [{ role: 'user', content: ' '.repeat(50_000) }] }, 'messages'],
    ['no choice', { n: 0 }, 'n'],
    ['a thousand choices', { n: 1000 }, 'n'],
    ['a broken seed', { seed: 0.5 }, 'seed'],
    ['an immense seed', { seed: 1e300 }, 'seed'],
    ['a temperature below zero', { temperature: -1 }, 'temperature'],
    ['a temperature of text', { temperature: 'hot' }, 'temperature'],
    ['a top_p above one', { top_p: 1.5 }, 'top_p'],
    ['no tokens', { max_tokens: 0 }, 'max_tokens'],
    ['a broken number of tokens', { max_completion_tokens: 1.5 }, 'max_completion_tokens'],
    ['too many likely tokens', { logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
    ['likely tokens without logprobs', { top_logprobs: 2 }, 'top_logprobs'],
    ['an empty stop text', { stop: '' }, 'stop'],
    ['too many stop texts', { stop: Array.from({ length: 17 }, String) }, 'stop'],
    ['usage of what is not streamed', { stream_options: { include_usage: true } }, 'stream_options'],
    ['tools', { tools: [{ type: 'function' }] }, 'tools'],
    ['a form of answers', { response_format: { type: 'json_object' } }, 'response_format'],
    ['a penalty', { frequency_penalty: 1 }, 'frequency_penalty'],
  ])('with %s are refused', async (_name, changes, param) => {
    const { url } = await startTestServer();
    const told = await refusal(await post(`${url}/chat/completions`, JSON.stringify({ ...ask('Hello?'), ...changes })));
    expect(told.status).toBe(param === 'model' ? 404 : 400);
    expect(String(told.param).split('.')[0]).toBe(param.split('.')[0]);
  });

  it('with what changes nothing are taken', async () => {
    const { client } = await startTestServer();
    const completion = await client.chat.completions.create({
      ...ask('Hello?'),
      frequency_penalty: 0,
      presence_penalty: 0,
      // What other servers are sent so that nothing is cut.
      ...{ top_k: -1, min_p: 0, repetition_penalty: 1, repeat_penalty: 1 },
      logit_bias: {},
      tools: [],
      response_format: { type: 'text' },
      safety_identifier: 'somebody',
      store: false,
      metadata: { a: 'b' },
      stop: null,
    });
    expect(completion.choices).toHaveLength(1);
  });
});

describe('requests for responses', () => {
  const image = { type: 'input_image', image_url: 'data:image/png;base64,' };
  it.each<[string, object, string]>([
    ['an unknown model', { model: 'gpt-9' }, 'model'],
    ['no input', { input: undefined }, 'input'],
    ['an input of nothing', { input: [] }, 'input'],
    ['a number for an input', { input: 3 }, 'input'],
    ['an unknown role', { input: [{ role: 'wizard', content: 'x' }] }, 'input.0.role'],
    ['an image', { input: [{ role: 'user', content: [image] }] }, 'input.0.content.0.type'],
    ['what a model thought', { input: [{ type: 'reasoning', id: 'rs_1', summary: [] }] }, 'input.0.type'],
    ['what a tool said', { input: [{ type: 'function_call_output', call_id: 'a', output: 'b' }] }, 'input.0.type'],
    ['what is stored elsewhere', { input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input.0.type'],
    ['more than the context', { input: 'word '.repeat(2000) }, 'input'],
    ['more than the context, to be cut', { input: 'word '.repeat(2000), truncation: 'auto' }, 'input'],
    ['no tokens', { max_output_tokens: 0 }, 'max_output_tokens'],
    ['a temperature below zero', { temperature: -1 }, 'temperature'],
    ['a top_p above one', { top_p: 1.5 }, 'top_p'],
    ['an immense seed', { seed: 1e300 }, 'seed'],
    ['too many likely tokens', { top_logprobs: 21, include: ['message.output_text.logprobs'] }, 'top_logprobs'],
    ['likely tokens that are not included', { top_logprobs: 2 }, 'top_logprobs'],
    ['something unknown included', { include: ['everything'] }, 'include.0'],
    ['tools', { tools: [{ type: 'web_search' }] }, 'tools'],
    ['a tool that has to be called', { tool_choice: 'required' }, 'tool_choice'],
    ['an earlier response', { previous_response_id: 'resp_1' }, 'previous_response_id'],
    ['a conversation', { conversation: 'conv_1' }, 'conversation'],
    ['a prompt that is stored', { prompt: { id: 'pmpt_1' } }, 'prompt'],
    ['work in the background', { background: true }, 'background'],
    ['reasoning', { reasoning: { effort: 'low' } }, 'reasoning.effort'],
    ['summaries of reasoning', { reasoning: { summary: 'auto' } }, 'reasoning.summary'],
    ['a schema', { text: { format: { type: 'json_schema', name: 'a', schema: {} } } }, 'text.format'],
    ['another verbosity', { text: { verbosity: 'low' } }, 'text.verbosity'],
    ['names of tokens of chat', { max_tokens: 5 }, 'max_tokens'],
    ['messages of chat', { messages: [] }, 'messages'],
    ['log-probabilities of chat', { logprobs: true }, 'logprobs'],
    ['many answers', { n: 2 }, 'n'],
    ['a penalty', { frequency_penalty: 1 }, 'frequency_penalty'],
    ['tokens that are made likelier', { logit_bias: { 5: 1 } }, 'logit_bias'],
  ])('with %s are refused, streamed or not', async (_name, changes, param) => {
    const { url } = await startTestServer();
    for (const stream of [false, true]) {
      const body = { model: 'tiny', input: 'Hello?', max_output_tokens: 5, stream, ...changes };
      const told = await refusal(await post(`${url}/responses`, JSON.stringify(body)));
      expect(told).toMatchObject({ status: param === 'model' ? 404 : 400, param });
      if (param !== 'input' && param !== 'model') expect(told.message).toContain(param);
    }
  });

  it('are let in and counted as chat is', async () => {
    const body = JSON.stringify({ model: 'tiny', input: 'Hello?', max_output_tokens: 200, temperature: 2 });
    const locked = await startTestServer({ key: 'a-long-secret-key' });
    expect(await refusal(await post(`${locked.url}/responses`, body))).toMatchObject({ status: 401 });
    const { url, client } = await startTestServer({ limits: { slots: 1, waiting: 100 } });
    const many = { ...ask('Tell me all.'), max_tokens: 200, n: 100, temperature: 2, stream: true as const };
    const stream = await client.chat.completions.create(many);
    expect(await refusal(await post(`${url}/responses`, body))).toMatchObject({ status: 429 });
    stream.controller.abort();
  });
});

it('paths that lead nowhere are told so, whatever stands in them', async () => {
  const { url, notices } = await startTestServer();
  const { hostname, port } = new URL(url);
  for (const path of [
    '//',
    '//x',
    '/%',
    '/\\',
    '/v1/models/%zz',
    '*',
    'http://elsewhere.example/',
    '//[',
    '/?',
    '/%00',
  ]) {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      httpRequest({ hostname, port, path }, resolve).on('error', reject).end();
    });
    expect(response.statusCode, path).toBe(404);
    expect(await json(response)).toMatchObject({ error: { type: 'invalid_request_error', code: 'unknown_url' } });
  }
  expect(notices).toEqual([]);
});

/** A form with a purpose and a file, where these are given. */
const fill = (purpose: string | null, file: string | File | null) => (): FormData => {
  const form = new FormData();
  if (purpose !== null) form.set('purpose', purpose);
  if (file instanceof File) form.set('file', file);
  else if (file !== null) form.set('file', file);
  return form;
};

describe('files and jobs', () => {
  it('have no paths: whatever stands in an id is not there', async () => {
    const { url, folder } = await startTestServer();
    for (const id of ['..%2F..%2Fjobs', '%2Fetc%2Fpasswd', 'file-1%00', '__proto__', 'constructor', 'x'.repeat(5000)]) {
      for (const path of [`files/${id}`, `files/${id}/content`, `fine_tuning/jobs/${id}`, `batches/${id}`])
        expect(await refusal(await fetch(`${url}/${path}`))).toMatchObject({ status: 404 });
      expect(await refusal(await fetch(`${url}/files/${id}`, { method: 'DELETE' }))).toMatchObject({ status: 404 });
    }
    expect((await readdir(folder)).filter((name) => !name.endsWith('.lock')).sort()).toEqual([
      'batches',
      'files',
      'jobs',
    ]);
  });

  it('keep names of uploads as names', async () => {
    const { client, folder } = await startTestServer();
    const file = await client.files.create({ file: textFile('../../../etc/pass"wd\r\nx: y', 'a'), purpose: 'batch' });
    expect(file.filename).not.toContain('/');
    expect(await (await client.files.content(file.id)).text()).toBe('a');
    expect((await readdir(`${folder}/files`)).sort()).toEqual([`${file.id}.data`, `${file.id}.json`]);
  });

  it.each<[string, () => FormData]>([
    ['no file', fill('batch', null)],
    ['a file that is a text', fill('batch', 'text')],
    ['no purpose', fill(null, textFile('a', 'a'))],
    ['an unknown purpose', fill('mischief', textFile('a', 'a'))],
  ])('refuse a form with %s', async (_name, makeForm) => {
    const { url } = await startTestServer();
    const form = makeForm();
    expect(await refusal(await fetch(`${url}/files`, { method: 'POST', body: form }))).toMatchObject({ status: 400 });
  });

  it('refuse uploads that are too large, or no form', async () => {
    const { url, client, folder } = await startTestServer();
    const large = client.files.create({ file: textFile('a', 'x'.repeat(2_000_000)), purpose: 'batch' });
    await expect(large).rejects.toMatchObject({ status: 413 });
    expect(await refusal(await post(`${url}/files`, '{}'))).toMatchObject({ status: 415 });
    const broken = await post(`${url}/files`, 'no form', { 'content-type': 'multipart/form-data; boundary=x' });
    expect(await refusal(broken)).toMatchObject({ status: 400 });
    expect(await readdir(`${folder}/files`)).toEqual([]);
  });

  it.each<[string, object, number]>([
    ['no file', { training_file: 'file-0' }, 400],
    ['a file for something else', { training_file: 'batch' }, 400],
    ['an unknown model', { model: 'gpt-9' }, 404],
    ['a model that is tuned', { model: 'tuned' }, 400],
    ['no epoch', { hyperparameters: { n_epochs: 0 } }, 400],
    ['an unknown hyperparameter', { hyperparameters: { n_epoch: 1 } }, 400],
    ['a learning rate below zero', { hyperparameters: { learning_rate_multiplier: -1 } }, 400],
    ['another method', { method: { type: 'dpo' } }, 400],
    ['a validation file', { validation_file: 'file-1' }, 400],
    ['a suffix that is a path', { suffix: '../x' }, 400],
    ['an unknown setting of the recipe', { recipe: { rnak: 3 } }, 400],
    ['a recipe for whole models', { recipe: { method: 'full' } }, 400],
    ['steps that are none', { checkpoint_steps: [0] }, 400],
    ['something unknown', { epochs: 3 }, 400],
  ])('refuse a job with %s', async (_name, changes, status) => {
    const { url, client } = await startTestServer();
    const file = await client.files.create({ file: textFile('a.jsonl', '{}'), purpose: 'fine-tune' });
    const other = await client.files.create({ file: textFile('a.jsonl', '{}'), purpose: 'batch' });
    const body = { model: 'tiny', training_file: file.id, ...changes };
    if (body.training_file === 'batch') body.training_file = other.id;
    const told = await refusal(await post(`${url}/fine_tuning/jobs`, JSON.stringify(body)));
    expect(told.status).toBe(status);
    const jobs = await client.fineTuning.jobs.list();
    expect(jobs.data).toEqual([]);
  });
});

it('bodies that are sent at the same time may not be too large together', () => {
  const budget = createBodyBudget(10);
  budget.take(6);
  expect(() => budget.take(5)).toThrow(expect.objectContaining({ status: 429 }));
  budget.take(4);
  budget.giveBack(6);
  budget.take(5);
});

it('jobs and batches that wait may not be too many', () => {
  expect(() => requireRoom(1000, 'batches')).toThrow(expect.objectContaining({ status: 429 }));
  requireRoom(999, 'batches');
});

describe('clients', () => {
  it('need the key where there is one, but for /health', async () => {
    const { url, client } = await startTestServer({ key: 'a-long-secret-key', host: '127.0.0.1' });
    expect((await client.models.list()).data).toHaveLength(2);
    for (const authorization of ['', 'Bearer', 'Bearer a-long-secret-kez', 'Bearer a-long-secret-key-', 'Basic abc']) {
      const told = await refusal(
        await fetch(`${url}/models`, { headers: authorization === '' ? {} : { authorization } }),
      );
      expect(told).toMatchObject({ status: 401, code: 'invalid_api_key' });
      expect(told.message).not.toContain('a-long-secret');
    }
    expect(await (await fetch(new URL('/health', url))).json()).toEqual({ status: 'ok' });
  });

  it('are not pages from elsewhere, nor come by other names, where there is no key', async () => {
    const { url } = await startTestServer();
    const status = (headers: Record<string, string>): Promise<number> =>
      new Promise((resolve, reject) => {
        httpRequest(`${url}/models`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        })
          .on('error', reject)
          .end();
      });
    expect(await status({ origin: 'https://example.org' })).toBe(403);
    expect(await status({ host: 'rebound.example.org' })).toBe(403);
    expect(await status({ origin: 'http://localhost:3000', host: 'localhost:1' })).toBe(200);
  });

  it('of other machines need a key', async () => {
    const folder = await makeTemporaryFolder();
    for (const host of ['0.0.0.0', '::', '10.0.0.1']) {
      const error = await errorOf(() => startTestServer({ folder, host }));
      expect(error).toMatchObject({ code: 'usage-invalid' });
      expect(error.message).toContain(host);
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('that go in the middle of a stream stop what they asked for', async () => {
    // One place: whoever comes next would wait for ever behind what nobody wants.
    const { client } = await startTestServer({ limits: { slots: 1, waiting: 64 } });
    const endless = { ...ask('Tell me all.'), max_tokens: 200, n: 60, stream: true as const, temperature: 2 };
    const stream = await client.chat.completions.create(endless);
    for await (const chunk of stream) if ((chunk.choices[0]?.delta.content ?? '') !== '') break;
    stream.controller.abort();
    const next = await waitFor(
      () => client.chat.completions.create(ask('Hello?', { n: 10, max_tokens: 1 })).catch(() => null),
      (completion) => completion !== null,
    );
    expect(next?.choices).toHaveLength(10);
  });

  it('that ask for too much at once are told to come again', async () => {
    const { client, url } = await startTestServer({ limits: { slots: 1, waiting: 100 } });
    const many = { ...ask('Tell me all.'), max_tokens: 200, n: 100, temperature: 2, stream: true as const };
    const stream = await client.chat.completions.create(many);
    const response = await post(`${url}/chat/completions`, JSON.stringify({ ...ask('Hello?') }));
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await refusal(response)).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    stream.controller.abort();
    await waitFor(
      () => client.chat.completions.create(ask('Hello?')).catch(() => null),
      (completion) => completion !== null,
    );
  });

  it('that ask for what takes too long are told so', async () => {
    const { url } = await startTestServer({ limits: { slots: 1, requestMilliseconds: 100 } });
    const long = { ...ask('Tell me all.'), max_tokens: 200, n: 100 };
    expect(await refusal(await post(`${url}/chat/completions`, JSON.stringify(long)))).toMatchObject({
      status: 504,
      code: 'timeout',
    });
  });

  it('that only connect, by the thousand, are in nobody’s way', async () => {
    const { url, client } = await startTestServer();
    const { hostname, port } = new URL(url);
    const sockets: Socket[] = [];
    for (let batch = 0; batch < 10; batch += 1) {
      await Promise.all(
        Array.from(
          { length: 200 },
          () =>
            new Promise<void>((resolve, reject) => {
              const socket = connect(Number(port), hostname, resolve);
              socket.on('error', reject);
              sockets.push(socket);
            }),
        ),
      );
    }
    expect((await client.chat.completions.create(ask('Hello?'))).choices).toHaveLength(1);
    for (const socket of sockets) socket.destroy();
  });
});
