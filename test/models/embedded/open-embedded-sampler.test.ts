import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { openModelSampler } from '../../../dist/models/open-model-sampler.js';
import { resolveModelReference } from '../../../src/models/model-reference.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import { encodePrompt } from '../../../src/engine/tokenizer/encode-chat.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { copyGolden, goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { openRunner, sampleAll } from '../../engine/sample/sample-all.js';
import { describeSampler } from '../sampler-conformance.js';

const model = goldenFolder('qwen2-bias');
const messages = [{ role: 'user' as const, content: 'Tell me about the moon.' }];

const open = (folder: string, options: { adapter?: string; signal?: AbortSignal } = {}) =>
  openModelSampler(resolveModelReference(folder), { environment: {}, fetch, threads: 1, ...options });

describeSampler('a model folder', () => open(model));

async function askOnce(folder: string, adapter?: string): Promise<string> {
  const sampler = await open(folder, adapter === undefined ? {} : { adapter });
  onTestFinished(() => sampler.close());
  for await (const { text } of sampler.sample([{ messages, seed: 3, maximumTokens: 16 }])) return text;
  return 'no answer';
}

describe('a model folder', () => {
  it('answers what the engine samples after its chat template', async () => {
    const [tokenizer, golden] = [await readTokenizer(model), await readCheckpoint(model)];
    const request = { prompt: encodePrompt(tokenizer, messages), seed: 3, maximumTokens: 16 };
    const [expected] = await sampleAll(golden, await openRunner(golden), [request]);
    expect(await askOnce(model)).toBe(tokenizer.decode(expected?.ids ?? [], { skipSpecialTokens: true }));
  });

  it('wears an adapter', async () => {
    expect(await askOnce(model, join(model, 'adapter_final'))).not.toBe(await askOnce(model));
  });

  it('fails with what is wrong about it', async () => {
    const folder = await copyGolden('qwen2-bias');
    expect((await errorOf(() => open(folder, { adapter: join(folder, 'nothing') }))).message).toContain('nothing');
    expect((await errorOf(() => open(folder, { signal: AbortSignal.abort() }))).code).toBe('interrupted');
    await rm(join(folder, 'tokenizer.json'));
    expect((await errorOf(() => open(folder))).code).toBe('tokenizer-missing');
    expect((await errorOf(() => open(join(folder, 'nowhere')))).code).toBe('checkpoint-missing');
  });
});
