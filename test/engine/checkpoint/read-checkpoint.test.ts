import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { decoderTensorShapes } from '../../../src/engine/checkpoint/decoder-tensors.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { readSafetensors } from '../../../src/engine/checkpoint/read-safetensors.js';
import { writeSafetensors } from '../../../src/engine/checkpoint/write-safetensors.js';
import { expectSameTensors } from './expect-same-tensors.js';
import { errorOf } from './error-of.js';
import { copyGolden, goldenFolder, goldenNames, type GoldenName } from './golden-folder.js';

const weightsOf = (folder: string) => readSafetensors(join(folder, 'model.safetensors'), 'checkpoint-invalid');

/** A copy of a golden folder with other weights. */
async function withWeights(
  name: GoldenName,
  change: (weights: Map<string, FloatTensor>) => Map<string, FloatTensor> | undefined,
): Promise<string> {
  const folder = await copyGolden(name);
  const weights = await weightsOf(folder);
  await writeSafetensors(join(folder, 'model.safetensors'), change(weights) ?? weights);
  return folder;
}

async function withShards(
  change: (weightMap: Record<string, string>) => void = () => undefined,
): Promise<{ folder: string; weights: Map<string, FloatTensor> }> {
  const folder = await copyGolden('qwen2-bias');
  const weights = await weightsOf(folder);
  await rm(join(folder, 'model.safetensors'));
  const weightMap: Record<string, string> = {};
  for (const [number, shard] of ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'].entries()) {
    const part = new Map([...weights].filter((_, index) => index % 2 === number));
    for (const name of part.keys()) weightMap[name] = shard;
    await writeSafetensors(join(folder, shard), part);
  }
  change(weightMap);
  const index = { metadata: { total_size: 1 }, weight_map: weightMap };
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
  return { folder, weights };
}

describe('a whole folder', () => {
  it.each(goldenNames)('%s is read value by value', async (name) => {
    const { config, weights, folder } = await readCheckpoint(goldenFolder(name));
    expect(folder).toBe(goldenFolder(name));
    expect([...weights.keys()]).toEqual([...decoderTensorShapes(config).keys()]);
    expectSameTensors(weights, await weightsOf(folder));
  });

  it('reports every byte as it arrives', async () => {
    const seen: number[] = [];
    let total = 0;
    await readCheckpoint(goldenFolder('qwen2-bias'), {
      onProgress: ({ readBytes, totalBytes }) => {
        seen.push(readBytes);
        total = totalBytes;
      },
    });
    const stored = await weightsOf(goldenFolder('qwen2-bias'));
    expect(total).toBe([...stored.values()].reduce((sum, { data }) => sum + data.byteLength, 0));
    expect(seen.at(-1)).toBe(total);
    expect(seen).toEqual([...seen].sort((left, right) => left - right));
  });

  it('stops when asked to', async () => {
    const stop = new AbortController();
    const reading = readCheckpoint(goldenFolder('qwen2-bias'), { signal: stop.signal, onProgress: () => stop.abort() });
    expect((await errorOf(() => reading)).code).toBe('interrupted');
  });

  it('may be the bare decoder, without the prefix "model."', async () => {
    const folder = await withWeights(
      'llama3-rope-untied',
      (weights) => new Map([...weights].map(([name, tensor]) => [name.replace(/^model\./, ''), tensor])),
    );
    expectSameTensors(
      (await readCheckpoint(folder)).weights,
      (await readCheckpoint(goldenFolder('llama3-rope-untied'))).weights,
    );
  });

  it('may hold tensors that do not matter, of any type', async () => {
    const folder = await withWeights('llama-gqa-tied', (weights) =>
      weights.set('model.layers.0.self_attn.rotary_emb.inv_freq', { shape: [1], data: new Float32Array(1) }),
    );
    expect((await readCheckpoint(folder)).weights.size).toBe(
      (await readCheckpoint(goldenFolder('llama-gqa-tied'))).weights.size,
    );
  });
});

describe('a tied head', () => {
  const tensorOf = (weights: Map<string, FloatTensor>, name: string): FloatTensor => {
    const tensor = weights.get(name);
    if (!tensor) throw new Error(`${name} is absent`);
    return tensor;
  };

  it('may be stored twice', async () => {
    const folder = await withWeights('llama-gqa-tied', (weights) =>
      weights.set('lm_head.weight', tensorOf(weights, 'model.embed_tokens.weight')),
    );
    const { config, weights } = await readCheckpoint(folder);
    expect(config.tiedHead).toBe(true);
    expectSameTensors(weights, (await readCheckpoint(goldenFolder('llama-gqa-tied'))).weights);
  });

  it('may be stored under the name of the head only', async () => {
    const folder = await withWeights('llama-gqa-tied', (weights) => {
      weights.set('lm_head.weight', tensorOf(weights, 'model.embed_tokens.weight'));
      weights.delete('model.embed_tokens.weight');
      return weights;
    });
    const { config, weights } = await readCheckpoint(folder);
    expect(config.tiedHead).toBe(true);
    expect([...weights.keys()]).toEqual([...decoderTensorShapes(config).keys()]);
    expectSameTensors(weights, (await readCheckpoint(goldenFolder('llama-gqa-tied'))).weights);
  });

  it('is none where the file has two tables that differ', async () => {
    const folder = await withWeights('llama-gqa-tied', (weights) => {
      const data = Float32Array.from(tensorOf(weights, 'model.embed_tokens.weight').data);
      data[5] = 1;
      return weights.set('lm_head.weight', { shape: [512, 64], data });
    });
    const { config, weights } = await readCheckpoint(folder);
    expect(config.tiedHead).toBe(false);
    expect([...weights.keys()]).toEqual([...decoderTensorShapes(config).keys()]);
    expect(weights.get('lm_head.weight')?.data[5]).toBe(1);
  });
});

describe('wrong weights', () => {
  it('names all that are missing, and shows the first', async () => {
    const folder = await withWeights(
      'llama-gqa-tied',
      (weights) => new Map([...weights].filter(([name]) => !name.startsWith('model.layers.1.'))),
    );
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('tensor-missing');
    expect(error.message).toContain('lacks 9 of the 29 weights');
    expect(error.message).toContain('model.layers.1.input_layernorm.weight');
    expect(error.message).toContain('and 5 more');
    expect(error.details['tensors']).toHaveLength(9);
  });

  it('asks about the tie where only the head is missing', async () => {
    const folder = await withWeights('llama3-rope-untied', (weights) => {
      weights.delete('lm_head.weight');
      return weights;
    });
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('tensor-missing');
    expect(error.hint).toContain('tie_word_embeddings');
  });

  it.each([[[64, 32]], [[2048]], [[32, 64, 1]]])('names a weight of the shape %j, and both shapes', async (shape) => {
    const folder = await withWeights('llama-gqa-tied', (weights) =>
      weights.set('model.layers.2.self_attn.k_proj.weight', { shape, data: new Float32Array(2048) }),
    );
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('tensor-shape-mismatch');
    expect(error.message).toContain('model.layers.2.self_attn.k_proj.weight');
    expect(error.message).toContain(`[${shape.join(', ')}]`);
    expect(error.message).toContain('[32, 64]');
  });

  it.each([
    'model.layers.0.self_attn.q_proj.bias',
    'model.layers.0.self_attn.q_norm.weight',
    'model.layers.2.mlp.up_proj.bias',
    'model.layers.3.input_layernorm.weight',
    'lm_head.bias',
  ])('refuses to leave out %s', async (name) => {
    const folder = await withWeights('llama-gqa-tied', (weights) =>
      weights.set(name, { shape: [64], data: new Float32Array(64) }),
    );
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('checkpoint-invalid');
    expect(error.message).toContain(name);
  });
});

describe('shards', () => {
  it('are read as one', async () => {
    const { folder, weights } = await withShards();
    expectSameTensors((await readCheckpoint(folder)).weights, weights);
  });

  it.each([
    '../elsewhere.safetensors',
    '/etc/passwd',
    'a/b.safetensors',
    'a\\b.safetensors',
    'C:x.safetensors',
    '.safetensors',
    'model.bin',
    '',
  ])('must be plain names, unlike %j', async (name) => {
    const { folder } = await withShards((weightMap) => {
      weightMap['model.norm.weight'] = name;
    });
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('checkpoint-invalid');
    expect(error.message).toContain('no plain file name');
  });

  it('must all be there', async () => {
    const { folder } = await withShards();
    await rm(join(folder, 'model-00002-of-00002.safetensors'));
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('checkpoint-missing');
    expect(error.message).toContain('model-00002-of-00002.safetensors');
  });

  it('must hold what the index says', async () => {
    const { folder } = await withShards((weightMap) => {
      weightMap['extra.weight'] = 'model-00001-of-00002.safetensors';
    });
    expect((await errorOf(() => readCheckpoint(folder))).message).toContain('extra.weight');
  });

  it('must not hold what the index places elsewhere', async () => {
    const { folder } = await withShards((weightMap) => {
      weightMap['model.norm.weight'] =
        weightMap['model.norm.weight'] === 'model-00001-of-00002.safetensors'
          ? 'model-00002-of-00002.safetensors'
          : 'model-00001-of-00002.safetensors';
    });
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('checkpoint-invalid');
    expect(error.message).toContain('contradicts its shards: tensor model.norm.weight');
  });

  it('leave nothing unlisted that is needed', async () => {
    const { folder } = await withShards((weightMap) => {
      delete weightMap['model.norm.weight'];
    });
    expect((await errorOf(() => readCheckpoint(folder))).code).toBe('tensor-missing');
  });

  it.each(['[]', '{}', '{"weight_map": {}}', '{"weight_map": {"a": 1}}', '{'])(
    'need an index unlike %s',
    async (text) => {
      const { folder } = await withShards();
      await writeFile(join(folder, 'model.safetensors.index.json'), text);
      expect((await errorOf(() => readCheckpoint(folder))).code).toBe('checkpoint-invalid');
    },
  );
});

describe('a folder without readable weights', () => {
  it('says why pickles are not read, and how to convert them', async () => {
    const folder = await copyGolden('llama-gqa-tied');
    await rename(join(folder, 'model.safetensors'), join(folder, 'pytorch_model.bin'));
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('checkpoint-missing');
    expect(error.message).toContain('can run any code');
    expect(error.hint).toContain('save_pretrained');
  });

  it('says what is expected', async () => {
    const folder = await copyGolden('llama-gqa-tied');
    await rm(join(folder, 'model.safetensors'));
    const error = await errorOf(() => readCheckpoint(folder));
    expect(error.code).toBe('checkpoint-missing');
    expect(error.message).toContain('model.safetensors.index.json');
    await mkdir(join(folder, 'model.safetensors'));
    expect((await errorOf(() => readCheckpoint(folder))).code).toBe('checkpoint-invalid');
  });

  it('changes nothing in the folder', async () => {
    const folder = await copyGolden('llama-gqa-tied');
    const before = await readdir(folder);
    await writeFile(join(folder, 'config.json'), (await readFile(join(folder, 'config.json'), 'utf8')).slice(0, 40));
    expect((await errorOf(() => readCheckpoint(folder))).message).toContain('does not hold a JSON object');
    expect(await readdir(folder)).toEqual(before);
  });
});
