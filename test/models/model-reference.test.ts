import { describe, expect, it } from 'vitest';
import { nameWrittenModel, parseModel, resolveModelReference } from '../../src/models/model-reference.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

describe('resolveModelReference', () => {
  it.each([
    ['organism:1', { provider: 'organism', text: 'organism:1', name: '1' }],
    ['organism:base', { provider: 'organism', text: 'organism:1', name: '1' }],
    ['organism:independent', { provider: 'organism', text: 'organism:independent-1', name: 'independent-1' }],
    ['hf:owner/name', { provider: 'hf', text: 'hf:owner/name', repository: 'owner/name', revision: 'main' }],
    ['hf:owner/name@main', { provider: 'hf', text: 'hf:owner/name', repository: 'owner/name', revision: 'main' }],
    [
      'hf:owner/name@refs/pr/1',
      { provider: 'hf', text: 'hf:owner/name@refs/pr/1', repository: 'owner/name', revision: 'refs/pr/1' },
    ],
    ['./folder', { provider: 'folder', text: './folder', folder: './folder' }],
    ['../a:b', { provider: 'folder', text: '../a:b', folder: '../a:b' }],
    ['.', { provider: 'folder', text: '.', folder: '.' }],
    ['/models/m', { provider: 'folder', text: '/models/m', folder: '/models/m' }],
    ['C:\\models\\m', { provider: 'folder', text: 'C:\\models\\m', folder: 'C:\\models\\m' }],
    ['openai:gpt-4o', { provider: 'openai', text: 'openai:gpt-4o', model: 'gpt-4o' }],
    [
      'openai:ft:gpt-4o:org::abc',
      { provider: 'openai', text: 'openai:ft:gpt-4o:org::abc', model: 'ft:gpt-4o:org::abc' },
    ],
    ['vllm:Qwen/Qwen3-8B', { provider: 'vllm', text: 'vllm:Qwen/Qwen3-8B', model: 'Qwen/Qwen3-8B' }],
    ['ollama:llama3.2:3b', { provider: 'ollama', text: 'ollama:llama3.2:3b', model: 'llama3.2:3b' }],
    ['llama-cpp:any', { provider: 'llama-cpp', text: 'llama-cpp:any', model: 'any' }],
    ['azure:my-deployment', { provider: 'azure', text: 'azure:my-deployment', model: 'my-deployment' }],
    ['openai:Qwen/Qwen3-8B', { provider: 'openai', text: 'openai:Qwen/Qwen3-8B', model: 'Qwen/Qwen3-8B' }],
  ])('reads %s', (text, reference) => {
    expect(resolveModelReference(text)).toEqual(reference);
  });

  it.each([
    ['', 'organism:1'],
    ['orgnism:2', 'Did you mean organism:2?'],
    ['opnai:gpt-4o', 'Did you mean openai:gpt-4o?'],
    ['organism', 'Did you mean organism:1?'],
    ['organism:', 'organism:independent'],
    ['organism:../secrets', 'organism:independent'],
    ['openai:', 'openai:gpt-6-luna'],
    ['openai:gpt 4', 'openai:gpt-6-luna'],
    ['togehter:m', 'Did you mean together:m?'],
    ['llamacpp:m', 'Did you mean llama-cpp:m?'],
    ['azure:../x', 'azure:my-deployment'],
    ['gpt-4o', 'Did you mean openai:gpt-4o?'],
    ['o3-mini', 'Did you mean openai:o3-mini?'],
    ['ft:gpt-4o:org::abc', 'Did you mean openai:ft:gpt-4o:org::abc?'],
    ['gpt4all', 'organism:1'],
    ['Qwen/Qwen2.5-0.5B', 'hf:Qwen/Qwen2.5-0.5B'],
    ['models/tiny/one', './models/tiny/one'],
    ['~/models/m', 'in full'],
    ['constructor:x', 'hf:owner/name'],
  ])('refuses %j, and says what may be meant', async (text, hint) => {
    const error = await errorOf(() => resolveModelReference(text));
    expect(error).toMatchObject({ code: 'model-unknown', exitCode: 2 });
    expect(error.message).toContain(JSON.stringify(text));
    expect(error.hint).toContain(hint);
  });

  const organism = { provider: 'organism', text: 'organism:1', name: '1' };
  it.each([
    ['organism:1+./a', { text: 'organism:1+./a', base: organism, adapter: './a' }],
    // The first + divides.
    ['organism:base+runs/a+b', { text: 'organism:1+runs/a+b', base: organism, adapter: 'runs/a+b' }],
    ['{"base": "organism:1", "adapter": "./a"}', { text: 'organism:1+./a', base: organism, adapter: './a' }],
    [
      { base: 'organism:1', adapter: './a' },
      { text: 'organism:1+./a', base: organism, adapter: './a' },
    ],
    [
      { base: './my+model', adapter: './a' },
      {
        text: '{"base":"./my+model","adapter":"./a"}',
        base: { provider: 'folder', text: './my+model', folder: './my+model' },
        adapter: './a',
      },
    ],
    [
      'vllm:Qwen/Qwen3-8B+./a',
      {
        text: 'vllm:Qwen/Qwen3-8B+./a',
        base: { provider: 'vllm', text: 'vllm:Qwen/Qwen3-8B', model: 'Qwen/Qwen3-8B' },
        adapter: './a',
      },
    ],
  ])('reads a model with an adapter: %j', (written, reference) => {
    const found = resolveModelReference(written);
    expect(found).toEqual({ provider: 'adapted', ...reference });
    // Its text is a name of the same model.
    expect(resolveModelReference(found.text)).toEqual(found);
    expect(parseModel(found)).toEqual(found);
  });

  it('takes a + for part of a name where the parts stand apart', () => {
    expect(resolveModelReference({ base: './a+b' })).toEqual({ provider: 'folder', text: './a+b', folder: './a+b' });
    expect(nameWrittenModel({ base: './a+b' })).toBe('{"base":"./a+b"}');
    expect(resolveModelReference(nameWrittenModel({ base: './a+b' }))).toMatchObject({ folder: './a+b' });
    expect(nameWrittenModel({ base: 'organism:1', adapter: './a' })).toBe('organism:1+./a');
  });

  it.each([
    ['organism:1+', 'between a model and the folder'],
    ['+./a', 'between a model and the folder'],
    ['{"base": ""}', '"adapter": "./c"'],
    ['{"bse": "./a"}', '"adapter": "./c"'],
    ['{broken', '"adapter": "./c"'],
    ['organism:1+hf:owner/adapter', 'download this one first'],
    ['orgnism:1+./a', 'Did you mean organism:1?'],
  ])('refuses %j', async (text, hint) => {
    const error = await errorOf(() => resolveModelReference(text));
    expect(error).toMatchObject({ code: 'model-unknown', exitCode: 2 });
    expect(error.hint).toContain(hint);
  });

  it('leaves broken names of the hub to the reader of such names', async () => {
    expect((await errorOf(() => resolveModelReference('hf:../x'))).message).toContain('is not a model name of the hub');
  });
});
