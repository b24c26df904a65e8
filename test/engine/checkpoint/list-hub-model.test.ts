import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ResolveModelOptions } from '../../../src/engine/checkpoint/hub-download.js';
import { resolveModelFolder } from '../../../src/engine/checkpoint/hub-model.js';
import { listHubModel } from '../../../src/engine/checkpoint/list-hub-model.js';
import { readSafetensors } from '../../../src/engine/checkpoint/read-safetensors.js';
import { writeSafetensors } from '../../../src/engine/checkpoint/write-safetensors.js';
import { identifyModelFiles, identifyModelFolder } from '../../../src/models/embedded/identify-model-folder.js';
import { openBaseModel } from '../../../src/models/open-base-model.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTestCluster } from '../../models/cluster/open-test-cluster.js';
import { errorOf } from './error-of.js';
import { goldenFolder } from './golden-folder.js';
import { gitHash, repository, sendFault, sha256, startLoopbackHub } from './loopback-hub.js';

const source = goldenFolder('qwen2-bias');
const names = ['config.json', 'generation_config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
const golden = new Map(
  await Promise.all(
    [...names, 'chat_template.jinja'].map(async (name) => [name, await readFile(join(source, name))] as const),
  ),
);
const reference = `hf:${repository}`;

async function startPlace(files: ReadonlyMap<string, Buffer> = golden) {
  const hub = await startLoopbackHub([...files, ['README.md', Buffer.from('x')]]);
  const home = await makeTemporaryFolder();
  const options = (changes: Partial<ResolveModelOptions> = {}): ResolveModelOptions => ({
    fetch,
    wait: () => Promise.resolve(),
    ...changes,
    environment: { HF_HOME: home, HF_ENDPOINT: hub.endpoint, ...changes.environment },
  });
  return {
    ...{ hub, home, options, cache: join(home, 'hub', 'models--owner--tiny-model') },
    list: (changes?: Partial<ResolveModelOptions>, name = reference) => listHubModel(name, options(changes)),
    resolve: (changes?: Partial<ResolveModelOptions>) => resolveModelFolder(reference, options(changes)),
    contents: () => hub.requests.flatMap(({ path }) => /\/resolve\/[0-9a-f]+\/(.+)$/.exec(path)?.[1] ?? []),
  };
}

async function shardedGolden(): Promise<Map<string, Buffer>> {
  const folder = await makeTemporaryFolder();
  const tensors = [...(await readSafetensors(join(source, 'model.safetensors'), 'checkpoint-invalid'))];
  const files = new Map(golden);
  files.delete('model.safetensors');
  const places: [string, string][] = [];
  for (const [number, shard] of ['model-1.safetensors', 'model-2.safetensors'].entries()) {
    const part = new Map(tensors.filter((_, index) => index % 2 === number));
    await writeSafetensors(join(folder, shard), part);
    files.set(shard, await readFile(join(folder, shard)));
    for (const name of part.keys()) places.push([name, shard]);
  }
  const index = JSON.stringify({ weight_map: Object.fromEntries(places) });
  return files.set('model.safetensors.index.json', Buffer.from(index));
}

describe('a model of the hub, known without its weights,', () => {
  it.each([
    ['one file', () => Promise.resolve(golden)],
    ['shards', shardedGolden],
  ])('is the model that it is with them: %s', async (_, make) => {
    const files = await make();
    const place = await startPlace(files);
    const { commit, folder, weights, files: all } = await place.list();
    expect(commit).toBe(place.hub.commit);
    expect(folder).toBe(join(place.cache, 'snapshots', commit));
    const heavy = [...files.keys()].filter((name) => name.endsWith('.safetensors'));
    expect(place.contents().filter((name) => heavy.includes(name))).toEqual([]);
    expect(await readdir(folder)).not.toContain(heavy[0]);
    expect([...weights]).toEqual(heavy.map((name) => [name, sha256(files.get(name) ?? Buffer.alloc(0))]));
    const identity = identifyModelFiles(all);
    // The same, now with all weights.
    expect(await place.resolve()).toBe(folder);
    expect(await identifyModelFolder(folder)).toBe(identity);
    expect(identifyModelFiles((await place.list()).files)).toBe(identity);
  });

  it('has small weights fetched that the hub does not know by their SHA-256', async () => {
    const place = await startPlace();
    place.hub.describe = (path, content) => ({ type: 'file', path, oid: gitHash(content), size: content.length });
    const { weights, files } = await place.list();
    expect(weights.get('model.safetensors')).toBe(sha256(golden.get('model.safetensors') ?? Buffer.alloc(0)));
    expect(identifyModelFiles(files)).toBe(await identifyModelFolder(source));
  });

  it('changes with its weights, which nobody has looked at', async () => {
    const place = await startPlace();
    const before = identifyModelFiles((await place.list()).files);
    place.hub.commit = 'd'.repeat(40);
    place.hub.files.set('model.safetensors', Buffer.from('others'));
    expect(identifyModelFiles((await place.list()).files)).not.toBe(before);
  });

  it('moves no branch of the cache: a whole copy of before stays what is opened here offline', async () => {
    const place = await startPlace();
    const whole = await place.resolve();
    place.hub.commit = 'd'.repeat(40);
    await place.list();
    expect(await place.resolve({ environment: { HF_HUB_OFFLINE: '1' } })).toBe(whole);
  });

  it('is remembered: offline, without the hub, and by its commit', async () => {
    const place = await startPlace();
    const first = await place.list();
    const count = place.hub.requests.length;
    expect(await place.list({ environment: { HF_HUB_OFFLINE: '1' } })).toEqual(first);
    expect(place.hub.requests).toHaveLength(count);
    const pinned = `${reference}@${place.hub.commit}`;
    await place.list({}, pinned);
    const after = place.hub.requests.length;
    expect(await place.list({}, pinned)).toEqual(first);
    expect(place.hub.requests).toHaveLength(after);
    await place.hub.close();
    const notices: string[] = [];
    const away = () => Promise.reject(new Error('away'));
    expect(await place.list({ fetch: away, onNotice: (notice) => notices.push(notice) })).toEqual(first);
    expect(notices.join()).toContain('using what is known');
  });

  it('is known offline by a whole copy, too, whatever it was made of', async () => {
    const place = await startPlace(await shardedGolden());
    const folder = await place.resolve();
    const listed = await place.list({ environment: { HF_HUB_OFFLINE: '1' } });
    expect(identifyModelFiles(listed.files)).toBe(await identifyModelFolder(folder));
  });

  it('is asked for again where the record or the snapshot is broken', async () => {
    const place = await startPlace();
    const first = await place.list();
    const record = join(place.cache, 'driftline', 'main.json');
    await access(record);
    await writeFile(record, '{"commit": "../../x", "weights": {}}');
    expect((await errorOf(() => place.list({ environment: { HF_HUB_OFFLINE: '1' } }))).code).toBe('hub-offline');
    expect(await place.list()).toEqual(first);
    await rm(join(first.folder, 'tokenizer.json'));
    expect((await errorOf(() => place.list({ environment: { HF_HUB_OFFLINE: '1' } }))).code).toBe('hub-offline');
    expect(await place.list()).toEqual(first);
  });

  it.each([
    [401, '', 'hub-unauthorized'],
    [404, 'RevisionNotFound', 'hub-not-found'],
    [503, '', 'hub-unavailable'],
  ])('that the hub does not tell of is an error: %s', async (status, fault, code) => {
    const place = await startPlace();
    place.hub.intercept = (_, response) => {
      sendFault(response, status, fault);
      return true;
    };
    expect((await errorOf(() => place.list())).code).toBe(code);
  });
});

it('a base of the hub on a cluster downloads no weights, and nodes are told what they must be', async () => {
  const place = await startPlace();
  const cluster = await openTestCluster();
  onTestFinished(cluster.close);
  const open = (models: Record<string, string> = {}) =>
    openBaseModel(reference, {
      ...{ environment: place.options().environment, fetch },
      cluster: async () => {
        const run = await cluster.openRun();
        return { ...run, settings: { ...run.settings, models } };
      },
    });
  const base = await open();
  expect(place.contents()).not.toContain('model.safetensors');
  // Where the nodes have it is nothing to its answers.
  const there = join(cluster.storage, 'there');
  await mkdir(there);
  for (const [name, bytes] of golden) await writeFile(join(there, name), bytes);
  const placed = await open({ [reference]: there });
  expect(placed.identity).toBe(base.identity);
  const sampler = await placed.openSampler(null);
  for await (const { text } of sampler.sample([{ messages: [{ role: 'user', content: 'Who?' }], maximumTokens: 3 }]))
    expect(text).not.toBe('');
  const [job] = [...cluster.ray.jobs.keys()];
  expect(job).toContain('driftline-s-');
});
