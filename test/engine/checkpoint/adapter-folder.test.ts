import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { describe, expect, it } from 'vitest';

import { type Adapter, parseLoraTensorName } from '../../../src/engine/checkpoint/adapter.js';
import type { DecoderConfig } from '../../../src/engine/checkpoint/decoder-config.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { projections, projectionShape } from '../../../src/engine/checkpoint/projection.js';
import { inspectAdapter, readAdapter } from '../../../src/engine/checkpoint/read-adapter.js';
import { readDecoderConfig } from '../../../src/engine/checkpoint/read-decoder-config.js';
import { readSafetensors } from '../../../src/engine/checkpoint/read-safetensors.js';
import { writeAdapter } from '../../../src/engine/checkpoint/write-adapter.js';
import { writeSafetensors } from '../../../src/engine/checkpoint/write-safetensors.js';
import { errorOf } from './error-of.js';
import { copyGolden, goldenFolder, goldenNames } from './golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

type Json = Record<string, unknown>;

const llama = (await readDecoderConfig(goldenFolder('llama-gqa-tied'))).config;
const readJson = async (path: string): Promise<Json> => JSON.parse(await readFile(path, 'utf8')) as Json;

/** A copy of a golden adapter with another configuration or other tensors. */
async function changedAdapter(
  configuration: Json,
  change: (tensors: Map<string, FloatTensor>) => unknown = () => undefined,
): Promise<string> {
  const folder = join(await copyGolden('llama-gqa-tied'), 'adapter_init');
  const path = join(folder, 'adapter_config.json');
  await writeFile(path, JSON.stringify({ ...(await readJson(path)), ...configuration }));
  const tensors = await readSafetensors(join(folder, 'adapter_model.safetensors'), 'adapter-invalid');
  change(tensors);
  await writeSafetensors(join(folder, 'adapter_model.safetensors'), tensors);
  return folder;
}

const errorOfAdapter = async (...changes: Parameters<typeof changedAdapter>) => {
  const folder = await changedAdapter(...changes);
  return errorOf(() => readAdapter(folder, llama));
};

/** An adapter with a value of its own in every place. */
function makeAdapter(config: DecoderConfig, settings: Partial<Adapter['settings']> = {}): Adapter {
  const whole = {
    rank: 3,
    alpha: 16,
    rslora: false,
    targets: projections,
    layers: Array.from({ length: config.layers }, (_, layer) => layer),
    ...settings,
  };
  let next = 0;
  const tensor = (...shape: [number, number]): FloatTensor => ({
    shape,
    data: Float32Array.from({ length: shape[0] * shape[1] }, () => Math.sin(next++) / 3),
  });
  const pairs = whole.layers.flatMap((layer) =>
    whole.targets.map((projection) => {
      const [outWidth, inWidth] = projectionShape(config, projection);
      return { layer, projection, a: tensor(whole.rank, inWidth), b: tensor(outWidth, whole.rank) };
    }),
  );
  return { settings: whole, pairs };
}

describe('the golden adapters', () => {
  it.each(goldenNames.flatMap((name) => [[name, 'adapter_init'] as const, [name, 'adapter_final'] as const]))(
    '%s/%s come back byte for byte',
    async (name, part) => {
      const source = join(goldenFolder(name), part);
      const { config } = await readDecoderConfig(goldenFolder(name));
      const adapter = await readAdapter(source, config);
      expect(adapter.settings).toEqual({ rank: 4, alpha: 8, rslora: true, targets: projections, layers: [0, 1, 2] });
      expect(adapter.pairs).toHaveLength(21);
      expect(adapter.pairs.map(({ layer, projection }) => [layer, projection]).slice(6, 8)).toEqual([
        [0, 'down_proj'],
        [1, 'q_proj'],
      ]);
      const target = await makeTemporaryFolder();
      await writeAdapter(target, adapter, { baseModel: null, baseLayers: 3 });
      const file = 'adapter_model.safetensors';
      expect((await readFile(join(target, file))).equals(await readFile(join(source, file)))).toBe(true);
      const expected = await readJson(join(source, 'adapter_config.json'));
      expect(await readJson(join(target, 'adapter_config.json'))).toEqual({ ...expected, target_modules: projections });
    },
  );
});

describe('writing and reading', () => {
  it.each<[string, Partial<Adapter['settings']>]>([
    ['one matrix of rank 1', { rank: 1, alpha: 0.5, targets: ['down_proj'], layers: [1] }],
    ['some blocks', { rslora: true, targets: ['q_proj', 'up_proj'], layers: [0, 2] }],
    ['everything', {}],
  ])('keeps %s', async (_case, settings) => {
    const adapter = makeAdapter(llama, settings);
    const folder = await makeTemporaryFolder();
    await writeAdapter(folder, adapter, { baseModel: 'owner/name' });
    expect(await readAdapter(folder, llama)).toEqual(adapter);
    expect(await readJson(join(folder, 'adapter_config.json'))).toMatchObject({
      base_model_name_or_path: 'owner/name',
      layers_to_transform: adapter.settings.layers,
    });
  });

  it('can round to 16 bits', async () => {
    const adapter = makeAdapter(llama, { targets: ['q_proj'], layers: [0] });
    const folder = await makeTemporaryFolder();
    await writeAdapter(folder, adapter, { baseModel: null, dtype: 'bfloat16' });
    const read = await readAdapter(folder, llama);
    read.pairs[0]?.a.data.forEach((value, index) => {
      expect(Math.abs(value - (adapter.pairs[0]?.a.data[index] ?? NaN))).toBeLessThan(2 ** -9);
    });
    expect(read).not.toEqual(adapter);
  });

  it.skipIf(!existsSync('/dev/full'))('reports a full disk and leaves no adapter', async () => {
    const folder = await makeTemporaryFolder();
    await symlink('/dev/full', join(folder, 'adapter_model.safetensors.partial'));
    const error = await errorOf(() => writeAdapter(folder, makeAdapter(llama), { baseModel: null }));
    expect(error.code).toBe('disk-full');
    expect(existsSync(join(folder, 'adapter_config.json'))).toBe(false);
  });
});

describe('what PEFT allows and the engine reads', () => {
  const all = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  it.each<[string, Json]>([
    ['all-linear', { target_modules: 'all-linear' }],
    ['a regular expression', { target_modules: '.*_proj' }],
    ['all-linear in large letters', { target_modules: 'All-Linear' }],
    [
      'names with a part of their path',
      {
        target_modules: [
          ...all.slice(0, 4).map((name) => `self_attn.${name}`),
          ...all.slice(4).map((name) => `mlp.${name}`),
        ],
      },
    ],
    [
      'whole paths, which no list of layers keeps out',
      {
        target_modules: [...all, 'model.layers.1.self_attn.q_proj'],
        layers_to_transform: [0, 1, 2],
        layers_pattern: 'layers',
      },
    ],
    ['names that no module of this base has', { target_modules: [...all, 'query_key_value', 'x.q_proj'] }],
    ['left out modules that are none of its own', { exclude_modules: ['lm_head', 'visual.q_proj'] }],
    ['a pattern for what is left out', { target_modules: 'all-linear', exclude_modules: '.*(lm_head|visual).*' }],
    ['a dropout', { lora_dropout: 0.1 }],
    ['patterns that change nothing', { rank_pattern: { q_proj: 4 }, alpha_pattern: { 'layers.1.*': 8 } }],
    ['an initialisation that leaves the base alone', { init_lora_weights: 'gaussian' }],
    ['an empty list of layers', { layers_to_transform: [] }],
    ['a list of all layers', { layers_to_transform: [2, 1, 0] }],
    ['an empty list of layers with their name', { layers_to_transform: [], layers_pattern: 'layers' }],
    ['keys of later versions', { brand_new: true }],
    [
      'keys that older versions do not write',
      { use_rslora: undefined, bias: undefined, rank_pattern: undefined, init_lora_weights: undefined },
    ],
  ])('%s', async (_case, configuration) => {
    const adapter = await readAdapter(await changedAdapter(configuration), llama);
    expect(adapter.pairs).toHaveLength(21);
    expect(adapter.settings).toMatchObject({ rank: 4, alpha: 8, layers: [0, 1, 2] });
  });

  it('one layer as a number, and fewer matrices than the regular expression could choose', async () => {
    const keep = (tensors: Map<string, FloatTensor>, pattern: RegExp): void => {
      for (const name of tensors.keys()) if (!pattern.test(name)) tensors.delete(name);
    };
    const one = await changedAdapter({ layers_to_transform: 1 }, (tensors) => keep(tensors, /layers\.1\./));
    expect((await readAdapter(one, llama)).settings.layers).toEqual([1]);
    const chosen = await changedAdapter({ target_modules: '.*[02].*[qv]_proj' }, (tensors) =>
      keep(tensors, /layers\.[02]\..*[qv]_proj/),
    );
    expect((await readAdapter(chosen, llama)).settings).toMatchObject({
      layers: [0, 2],
      targets: ['q_proj', 'v_proj'],
    });
  });
});

describe('what PEFT would not apply', () => {
  const place = 'model.layers.';
  it.each<[Json, string, string]>([
    [{ target_modules: ['q_proj'] }, `${place}0.self_attn.k_proj`, 'target_modules'],
    [{ target_modules: ['foo'] }, `${place}0.self_attn.q_proj`, 'target_modules'],
    // Parts of names are none.
    [{ target_modules: ['proj'] }, `${place}0.self_attn.q_proj`, 'target_modules'],
    [{ target_modules: '.*layers\\.0\\..*_proj' }, `${place}1.self_attn.q_proj`, 'target_modules'],
    // A pattern describes the whole path.
    [{ target_modules: '_proj' }, `${place}0.self_attn.q_proj`, 'target_modules'],
    [{ target_modules: 'model.*_pro' }, `${place}0.self_attn.q_proj`, 'target_modules'],
    [{ target_modules: ['model.layers.0.self_attn.q_proj'] }, `${place}0.self_attn.k_proj`, 'target_modules'],
    [{ layers_to_transform: [0] }, `${place}1.self_attn.q_proj`, 'layers_to_transform'],
    [{ layers_to_transform: 0 }, `${place}1.self_attn.q_proj`, 'layers_to_transform'],
    // No block is called so.
    [{ layers_to_transform: [0, 1, 2], layers_pattern: 'h' }, `${place}0.self_attn.q_proj`, 'layers_to_transform'],
    [{ exclude_modules: ['v_proj'] }, `${place}0.self_attn.v_proj`, 'exclude_modules'],
    [{ exclude_modules: '.*v_proj' }, `${place}0.self_attn.v_proj`, 'exclude_modules'],
    [{ target_modules: 'all-linear', exclude_modules: ['mlp.up_proj'] }, `${place}0.mlp.up_proj`, 'exclude_modules'],
  ])('is refused where %j leaves it out', async (configuration, module, key) => {
    const error = await errorOfAdapter(configuration);
    expect(error).toMatchObject({ code: 'adapter-invalid', exitCode: 2 });
    expect(error.message).toContain(
      `it has tensors for ${module}, which its ${key} leaves out: PEFT would not apply them`,
    );
  });

  const all: string[] = [...projections];
  it.each<[Json, string]>([
    [{ target_modules: [...all, 'lm_head'] }, 'lm_head'],
    [{ target_modules: [...all, 'embed_tokens'] }, 'model.embed_tokens'],
    [{ target_modules: '.*(_proj|lm_head)' }, 'lm_head'],
    [{ target_modules: '.*' }, 'model'],
    [{ target_modules: '.*(self_attn|mlp).*' }, 'model.layers.0.self_attn'],
    [{ target_modules: [...all, 'input_layernorm'] }, 'model.layers.0.input_layernorm'],
  ])('and what %j has and the weights have not is refused', async (configuration, module) => {
    const error = await errorOfAdapter(configuration);
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain(`target_modules has ${module}, and there are no tensors for it`);
  });

  it.each<[Json, string]>([
    [{ target_modules: 'all-linear', layers_to_transform: [0] }, 'layers_to_transform stands beside target_modules'],
    [{ target_modules: '.*_proj', layers_pattern: 'layers' }, 'layers_pattern stands beside target_modules'],
    [{ layers_pattern: ['layers'] }, 'layers_pattern stands there without layers_to_transform'],
    [{ layers_to_transform: [0], layers_pattern: '(a+)+' }, 'layers_pattern: blocks are called by a plain name'],
    [{ exclude_modules: 3 }, 'exclude_modules'],
  ])('and %j, which PEFT does not load, is refused', async (configuration, problem) => {
    const error = await errorOfAdapter(configuration);
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain(`makes no sense: ${problem}`);
  });

  it.each(['target_modules', 'exclude_modules'])('nor is a pattern of %s that would never end', async (key) => {
    // Ended by no match: a backtracking engine takes as many steps as there are ways to divide 30 letters.
    const pattern = `${'(.*)*'.repeat(20)}!`;
    const error = await errorOfAdapter({ [key]: pattern, ...(key === 'target_modules' ? {} : { r: 8 }) });
    expect(error.message).toContain(key === 'target_modules' ? 'which its target_modules leaves out' : 'says r 8');
    const unread = await errorOfAdapter({ [key]: '(?=.*q_proj).*' });
    expect(unread.message).toContain(`its ${key} is a pattern that is not read: it looks ahead`);
    expect(unread.hint).toContain(`List the matrices by name in ${key}`);
  });
});

describe('what the engine does not implement', () => {
  it.each<[string, Json]>([
    ['peft_type', { peft_type: 'IA3' }],
    ['peft_type', { peft_type: undefined }],
    ['use_dora', { use_dora: true }],
    ['bias', { bias: 'all' }],
    ['lora_bias', { lora_bias: true }],
    ['modules_to_save', { modules_to_save: ['lm_head'] }],
    ['rank_pattern', { rank_pattern: { q_proj: 8 } }],
    ['alpha_pattern', { alpha_pattern: { q_proj: 1 } }],
    ['init_lora_weights', { init_lora_weights: 'pissa_niter_4' }],
    ['layer_replication', { layer_replication: [[0, 2]] }],
    ['trainable_token_indices', { trainable_token_indices: [1] }],
    ['target_parameters', { target_parameters: ['x'] }],
  ])('%s', async (key, configuration) => {
    const error = await errorOfAdapter(configuration);
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain(`does not implement ${key}`);
  });

  it.each([
    'lm_head.lora_A',
    'layers.0.self_attn.q_proj.lora_magnitude_vector',
    'layers.0.mlp.q_proj.lora_A',
    'layers.01.mlp.up_proj.lora_A',
    'layers.0.mlp.up_proj.lora_A.default',
    'layers.0.mlp/../mlp.up_proj.lora_A',
    '../../../../etc/passwd',
  ])('a tensor %s', async (place) => {
    const name = `base_model.model.model.${place}.weight`;
    const error = await errorOfAdapter({}, (tensors) => tensors.set(name, { shape: [1], data: new Float32Array(1) }));
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain(name);
  });

  it('matrices that differ by block', async () => {
    const error = await errorOfAdapter(
      { target_modules: '.*_proj', exclude_modules: ['layers.1.self_attn.q_proj'] },
      (tensors) => {
        for (const name of tensors.keys()) if (name.includes('layers.1.self_attn.q_proj')) tensors.delete(name);
      },
    );
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain('q_proj in some blocks and not in block 1');
  });
});

describe('a damaged adapter', () => {
  it.each<[string, Json]>([
    ['r', { r: 0 }],
    ['r', { r: undefined }],
    ['lora_alpha', { lora_alpha: '8' }],
    ['target_modules', { target_modules: null }],
    ['target_modules', { target_modules: [] }],
    ['layers_to_transform', { layers_to_transform: [-1] }],
  ])('with a wrong %s', async (key, configuration) => {
    const error = await errorOfAdapter(configuration);
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain(`makes no sense: ${key}`);
  });

  it.each(['A', 'B'])('without one half %s', async (half) => {
    const name = `base_model.model.model.layers.2.mlp.up_proj.lora_${half}.weight`;
    const error = await errorOfAdapter({}, (tensors) => tensors.delete(name));
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain(`${name} is missing`);
  });

  it('without the tensors of a matrix that it names', async () => {
    const error = await errorOfAdapter({}, (tensors) => {
      for (const name of tensors.keys()) if (name.includes('up_proj')) tensors.delete(name);
    });
    expect(error.message).toContain('target_modules has model.layers.0.mlp.up_proj, and there are no tensors for it');
  });

  it('with another rank than it says', async () => {
    const error = await errorOfAdapter({ r: 8 });
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toContain('says r 8');
  });

  it.each<[string, number[], RegExp]>([
    ['turned', [64, 4], /has the shape \[64, 4\], and \[4, 64\] is needed/],
    ['flat', [256], /has the shape \[256\], and \[4, 64\] is needed/],
    ['deep', [1, 4, 64], /has the shape \[1, 4, 64\], and/],
    ['empty', [4, 0], /has the shape \[4, 0\], and/],
  ])('with a matrix that is %s', async (_case, shape, problem) => {
    const name = 'base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight';
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    const error = await errorOfAdapter({}, (tensors) => tensors.set(name, { shape, data }));
    expect(['adapter-invalid', 'adapter-mismatch']).toContain(error.code);
    expect(error.message).toMatch(problem);
  });

  it('without tensors, weights or configuration', async () => {
    expect((await errorOfAdapter({}, (tensors) => tensors.clear())).message).toContain('no tensors');
    const folder = await changedAdapter({});
    await rename(join(folder, 'adapter_model.safetensors'), join(folder, 'adapter_model.bin'));
    expect((await errorOf(() => readAdapter(folder, llama))).message).toContain('can run any code');
    await rm(join(folder, 'adapter_model.bin'));
    expect((await errorOf(() => readAdapter(folder, llama))).code).toBe('adapter-invalid');
    await rm(join(folder, 'adapter_config.json'));
    expect((await errorOf(() => readAdapter(folder, llama))).message).toContain('adapter_config.json does not exist');
    expect((await errorOf(() => readAdapter(join(folder, 'absent'), llama))).code).toBe('adapter-invalid');
  });

  it('whose weights are cut off', async () => {
    const folder = await changedAdapter({});
    const path = join(folder, 'adapter_model.safetensors');
    await writeFile(path, (await readFile(path)).subarray(0, 10_000));
    expect((await errorOf(() => readAdapter(folder, llama))).code).toBe('adapter-invalid');
  });
});

describe('an adapter of a stranger', () => {
  const weights = 'adapter_model.safetensors';

  it('of rank 0 changes nothing, and is none', async () => {
    expect((await errorOfAdapter({ r: 0 })).message).toContain('a rank is at least 1');
  });

  it.each([
    [1_000_000, /its rank is 1000000, and no matrix of this base is wider than 96/],
    [97, /its rank is 97, and no matrix/],
  ])('of rank %i is refused, whatever its weights are', async (rank, problem) => {
    const error = await errorOfAdapter({ r: rank });
    expect(error).toMatchObject({ code: 'adapter-invalid', exitCode: 2 });
    expect(error.message).toMatch(problem);
  });

  it('of 10 GB is refused before it is read', async () => {
    const folder = await changedAdapter({});
    // It takes no room on the disk.
    await truncate(join(folder, weights), 0);
    await truncate(join(folder, weights), 10e9);
    const started = process.memoryUsage().rss;
    const error = await errorOf(() => inspectAdapter(folder, llama));
    expect(error.code).toBe('adapter-invalid');
    expect(error.message).toMatch(
      /has 10\.0 GB, and an adapter of rank 4 for this base has at most \d+ MB: it is not read/,
    );
    expect(process.memoryUsage().rss - started).toBeLessThan(500e6);
    // Behind a header that is right, too.
    const whole = await changedAdapter({});
    await truncate(join(whole, weights), 10e9);
    expect((await errorOf(() => inspectAdapter(whole, llama))).message).toContain('it is not read');
  });

  it('with a configuration of 10 GB is refused before it is read', async () => {
    const folder = await changedAdapter({});
    await truncate(join(folder, 'adapter_config.json'), 10e9);
    const error = await errorOf(() => readAdapter(folder, llama));
    expect(error.message).toMatch(/adapter_config\.json has 10\.0 GB, and a configuration at most 2 MB/);
  });

  it.each(['adapter_config.json', weights])('whose %s leads out of its folder is refused', async (name) => {
    const folder = await changedAdapter({});
    const outside = await makeTemporaryFolder();
    await rename(join(folder, name), join(outside, name));
    await symlink(relative(folder, join(outside, name)), join(folder, name));
    const error = await errorOf(() => readAdapter(folder, llama));
    expect(error).toMatchObject({ code: 'adapter-invalid', exitCode: 2 });
    expect(error.message).toContain(`${name} leads out of the folder, to ${join(outside, name)}`);
  });

  it('whose folder is a link, or whose files are links within it, is read', async () => {
    const folder = await changedAdapter({});
    await rename(join(folder, weights), join(folder, 'other.safetensors'));
    await symlink('other.safetensors', join(folder, weights));
    const link = join(await makeTemporaryFolder(), 'link');
    await symlink(folder, link);
    expect((await readAdapter(link, llama)).pairs).toHaveLength(21);
  });

  it("is read from the hub's cache, whose files are links to blobs, and from nowhere else that looks like it", async () => {
    const cache = join(await makeTemporaryFolder(), 'models--owner--name');
    const folder = join(cache, 'snapshots', 'abc', 'checkpoint-40');
    await mkdir(folder, { recursive: true });
    await mkdir(join(cache, 'blobs'));
    const source = await changedAdapter({});
    for (const [index, name] of ['adapter_config.json', weights].entries()) {
      await copyFile(join(source, name), join(cache, 'blobs', String(index)));
      await symlink(join('..', '..', '..', 'blobs', String(index)), join(folder, name));
    }
    expect((await readAdapter(folder, llama)).pairs).toHaveLength(21);
    // A blob that leads on.
    const outside = join(await makeTemporaryFolder(), 'weights');
    await rename(join(cache, 'blobs', '1'), outside);
    await symlink(outside, join(cache, 'blobs', '1'));
    expect((await errorOf(() => readAdapter(folder, llama))).message).toContain('leads out of the folder');
  });

  it('whose weights are a folder is none', async () => {
    const folder = await changedAdapter({});
    await rm(join(folder, weights));
    await mkdir(join(folder, weights));
    expect((await errorOf(() => readAdapter(folder, llama))).message).toContain('is not a file');
  });

  const inspectChanged = async (...changes: Parameters<typeof changedAdapter>) => {
    const folder = await changedAdapter(...changes);
    return errorOf(() => inspectAdapter(folder, llama));
  };
  const fill = (pattern: RegExp, value: number) => (tensors: Map<string, FloatTensor>) => {
    for (const [name, { data }] of tensors) if (pattern.test(name)) data.fill(value);
  };

  it.each<[string, ...Parameters<typeof changedAdapter>]>([
    ['its lora_alpha is 0', { lora_alpha: 0 }],
    ['one half of each of its matrices is all zeros', {}, fill(/lora_B/, 0)],
    ['one half of each of its matrices is all zeros', {}, fill(/lora_A/, 0)],
    ['one half of each of its matrices is all zeros', {}, fill(/layers\.0.*lora_A|layers\.[12].*lora_B/, -0)],
    [
      'one half of each of its matrices is all zeros',
      {},
      (tensors) => {
        // What one half leaves to the other is all zeros there.
        for (const [name, { data }] of tensors)
          data.forEach((_, index) => {
            const rank = name.includes('lora_A') ? Math.floor(index / (data.length / 4)) : index % 4;
            if (rank < 2 === name.includes('lora_A')) data[index] = 0;
          });
      },
    ],
  ])('that changes nothing, as %s, is refused', async (why, ...changes) => {
    const error = await inspectChanged(...changes);
    expect(error).toMatchObject({ code: 'adapter-invalid', exitCode: 2 });
    expect(error.message).toContain(`it changes nothing, as ${why}`);
    expect(error.hint).toContain('Was it saved before it was trained?');
    // Training begins with such a one, which is read.
    expect((await readAdapter(await changedAdapter(...changes), llama)).pairs).toHaveLength(21);
  });

  it('that changes one matrix is one', async () => {
    const folder = await changedAdapter({}, fill(/layers\.(?!2).*lora_B|layers\.2.*[^n]_proj.lora_B/, 0));
    expect(await inspectAdapter(folder, llama)).toMatchObject({ settings: { rank: 4 } });
  });

  it.each<[string, number, RegExp, RegExp]>([
    [
      'NaN',
      NaN,
      /layers\.1\.mlp\.up_proj\.lora_A/,
      /tensor .*layers\.1\.mlp\.up_proj\.lora_A\.weight has numbers that are/,
    ],
    ['infinite', -Infinity, /layers\.2\.mlp\.up_proj\.lora_B/, /lora_B\.weight has numbers that are not finite/],
    [
      'too large for their product',
      1e30,
      /layers\.0\.mlp\.up_proj/,
      /up_proj\.lora_A\.weight multiply to numbers that/,
    ],
  ])('whose numbers are %s is refused', async (_case, value, where, problem) => {
    const error = await inspectChanged({}, fill(where, value));
    expect(error).toMatchObject({ code: 'adapter-invalid', exitCode: 2 });
    expect(error.message).toMatch(problem);
  });

  it('is inspected as it is read, types included', async () => {
    const folder = await changedAdapter({});
    const { settings } = await readAdapter(folder, llama);
    expect(await inspectAdapter(folder, llama)).toMatchObject({ settings, madeFor: null });
    const file = await readFile(join(folder, weights));
    const length = Number(file.readBigUInt64LE(0));
    const header = file
      .subarray(8, 8 + length)
      .toString()
      .replaceAll('"F32"', '"I32"');
    await writeFile(
      join(folder, weights),
      Buffer.concat([file.subarray(0, 8), Buffer.from(header), file.subarray(8 + length)]),
    );
    expect((await errorOf(() => inspectAdapter(folder, llama))).message).toContain('is stored as I32');
  });
});

describe('an adapter of another base', () => {
  const folder = join(goldenFolder('llama-gqa-tied'), 'adapter_init');

  it.each<[string, Partial<DecoderConfig>, RegExp]>([
    [
      'wider',
      { width: 128, headWidth: 32 },
      /q_proj\.lora_A\.weight has the shape \[4, 64\], and \[4, 128\] is needed/,
    ],
    [
      'with more key/value heads',
      { keyValueHeads: 4 },
      /k_proj\.lora_B\.weight has the shape \[32, 4\], and \[64, 4\]/,
    ],
    ['with a wider feed-forward part', { feedForwardWidth: 100 }, /gate_proj\.lora_B\.weight has the shape \[96, 4\]/],
    ['with fewer blocks', { layers: 2 }, /adapts block 2, and this base has blocks 0 to 1/],
    ['with more blocks', { layers: 4 }, /adapts 3 blocks, and this base has 4/],
  ])('that is %s', async (_case, change, message) => {
    const error = await errorOf(() => readAdapter(folder, { ...llama, ...change }));
    expect(error.code).toBe('adapter-mismatch');
    expect(error.message).toMatch(message);
  });

  it('names the base that it was made for', async () => {
    const named = await changedAdapter({ base_model_name_or_path: 'owner/big' });
    const error = await errorOf(() => readAdapter(named, { ...llama, width: 32 }));
    expect(error.message).toContain('owner/big');
    expect(error.details).toMatchObject({ baseModel: 'owner/big' });
  });
});

describe('tensor names', () => {
  it('are understood only as they are written', () => {
    const name = 'base_model.model.model.layers.12.mlp.down_proj.lora_B.weight';
    expect(parseLoraTensorName(name)).toEqual({ layer: 12, projection: 'down_proj', half: 'B' });
    expect(parseLoraTensorName(name.replace('down_proj', 'toString'))).toBeNull();
    expect(parseLoraTensorName(`x${name}`)).toBeNull();
  });
});
