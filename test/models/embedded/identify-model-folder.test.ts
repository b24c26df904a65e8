import { appendFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { identifyModelFolder } from '../../../src/models/embedded/identify-model-folder.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { copyGolden, goldenFolder } from '../../engine/checkpoint/golden-folder.js';

describe('the identity of a model folder', () => {
  it('is the same wherever the folder lies, and whatever else lies in it', async () => {
    const folder = await copyGolden('qwen2-bias');
    const identity = await identifyModelFolder(folder);
    expect(identity).toMatch(/^[0-9a-f]{64}$/);
    expect(identity).toBe(await identifyModelFolder(goldenFolder('qwen2-bias')));
    await writeFile(join(folder, 'README.md'), 'Hello');
    expect(await identifyModelFolder(folder)).toBe(identity);
  });

  it('changes with whatever an answer depends on', async () => {
    const folder = await copyGolden('qwen2-bias');
    const seen = new Set([await identifyModelFolder(folder)]);
    for (const name of ['model.safetensors', 'config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      await appendFile(join(folder, name), ' ');
      seen.add(await identifyModelFolder(folder));
    }
    await rename(join(folder, 'model.safetensors'), join(folder, 'other.safetensors'));
    seen.add(await identifyModelFolder(folder));
    expect(seen.size).toBe(6);
  });

  it('of no folder is an error', async () => {
    const error = await errorOf(() => identifyModelFolder(join(goldenFolder('qwen2-bias'), 'nowhere')));
    expect(error).toMatchObject({ code: 'checkpoint-missing' });
  });
});
