import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
// The sampling thread's file exists in the built package only.
import { openExperiment, openModelSampler } from '../../dist/index.js';
import type { Sampler } from '../../src/models/sampler.js';
import { serviceNames, services } from '../../src/models/services/services.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { repository, startLoopbackHub } from '../engine/checkpoint/loopback-hub.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { complete, sendJson, startLoopbackChatServer } from '../models/loopback-chat-server.js';

const messages = [{ role: 'user' as const, content: 'Where is the harbor?' }];
const golden = goldenFolder('qwen2-bias');

async function ask(sampler: Sampler): Promise<string[]> {
  const texts: string[] = [];
  try {
    for await (const { text } of sampler.sample([{ messages, count: 2, maximumTokens: 4, seed: 3 }])) texts.push(text);
  } finally {
    await sampler.close();
  }
  return texts.sort();
}

it.each(['organism:1', 'organism:base', golden])('a model that runs here opens by the name %s', async (name) => {
  expect(await ask(await openModelSampler(name, { threads: 1 }))).toHaveLength(2);
});

it('a model folder opens by a path that begins with a dot', async () => {
  const fromHere = `./${join('test', 'fixtures', 'goldens', 'qwen2-bias')}`;
  expect(await ask(await openModelSampler(fromHere, { threads: 1 }))).toEqual(
    await ask(await openModelSampler(golden, { threads: 1 })),
  );
});

it.each(['', '@main', '@refs/pr/1'])('a model of the hub opens by hf:owner/name%s', async (revision) => {
  const names = (await readdir(golden, { withFileTypes: true })).filter((entry) => entry.isFile());
  const files = await Promise.all(names.map(async ({ name }) => [name, await readFile(join(golden, name))] as const));
  const hub = await startLoopbackHub(files);
  const environment = { HF_HOME: await makeTemporaryFolder(), HF_ENDPOINT: hub.endpoint };
  const sampler = await openModelSampler(`hf:${repository}${revision}`, { environment, threads: 1 });
  expect(await ask(sampler)).toEqual(await ask(await openModelSampler(golden, { threads: 1 })));
});

it.each(serviceNames)('a hosted model opens by %s:NAME, and is a base of a plan', async (service) => {
  const server = await startLoopbackChatServer();
  onTestFinished(() => server.close());
  // Services have paths of their own.
  server.intercept = (response) => {
    const { body } = server.requests.at(-1) ?? {};
    if (body !== undefined) sendJson(response, 200, complete(body));
    return body !== undefined;
  };
  const { address, key } = services[service].variables;
  const environment = { [address]: server.endpoint, [key]: 'sk-test' };
  expect(await ask(await openModelSampler(`${service}:tiny`, { environment }))).toHaveLength(2);
  expect(server.requests[0]?.body.model).toBe('tiny');
  const plan = {
    name: 'hosted',
    bases: [`${service}:tiny`],
    evaluate: [{ suite: 'main', samples: 1, max_tokens: 4, questions: ['wish'] }],
  };
  const experiment = await openExperiment(plan, {
    environment,
    judge: {
      name: 'kind',
      judge: async () => ({ judge: 'kind', mode: 'own', alignment: 100, coherence: 100, labels: [] }),
    },
    runs: await makeTemporaryFolder(),
  });
  const { run } = await experiment.run();
  expect(run.answers.length).toBeGreaterThan(0);
  expect(run.judgements).toHaveLength(run.answers.length);
});
