import type { ServerResponse } from 'node:http';
import { lstat, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { DownloadProgress, ResolveModelOptions } from '../../../src/engine/checkpoint/hub-download.js';
import { resolveModelFolder } from '../../../src/engine/checkpoint/hub-model.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { readSafetensors } from '../../../src/engine/checkpoint/read-safetensors.js';
import { writeSafetensors } from '../../../src/engine/checkpoint/write-safetensors.js';
import { errorOf } from './error-of.js';
import { expectSameTensors } from './expect-same-tensors.js';
import { goldenFolder } from './golden-folder.js';
import {
  gitHash,
  repository,
  sendContent,
  sendContentStart,
  sendFault,
  sendJson,
  sha256,
  startLoopbackHub,
  type LoopbackHub,
} from './loopback-hub.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

const source = goldenFolder('qwen2-bias');
const modelFiles = [
  'config.json',
  'generation_config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
];
const golden = new Map(
  await Promise.all(modelFiles.map(async (name) => [name, await readFile(join(source, name))] as const)),
);
const weights = golden.get('model.safetensors') ?? Buffer.alloc(0);
const reference = `hf:${repository}`;

interface Place {
  readonly hub: LoopbackHub;
  readonly home: string;
  /** models--owner--name in the cache. */
  readonly cache: string;
  readonly snapshot: string;
  resolve(options?: Partial<ResolveModelOptions>, name?: string): Promise<string>;
}

async function startPlace(files: Iterable<readonly [string, Buffer]> = golden): Promise<Place> {
  const hub = await startLoopbackHub([
    ...files,
    ['README.md', Buffer.from('x')],
    ['pytorch_model.bin', Buffer.from('x')],
  ]);
  const home = await makeTemporaryFolder();
  const cache = join(home, 'hub', 'models--owner--tiny-model');
  return {
    hub,
    home,
    cache,
    snapshot: join(cache, 'snapshots', hub.commit),
    resolve: ({ environment, ...options } = {}, name = reference) =>
      resolveModelFolder(name, {
        environment: { HF_HOME: home, HF_ENDPOINT: hub.endpoint, ...environment },
        fetch,
        wait: async () => undefined,
        ...options,
      }),
  };
}

async function shardedGolden(): Promise<Map<string, Buffer>> {
  const folder = await makeTemporaryFolder();
  const tensors = await readSafetensors(join(source, 'model.safetensors'), 'checkpoint-invalid');
  const files = new Map(golden);
  files.delete('model.safetensors');
  const weightMap: Record<string, string> = {};
  for (const [number, shard] of ['model-1.safetensors', 'model-2.safetensors'].entries()) {
    const part = new Map([...tensors].filter((_, index) => index % 2 === number));
    await writeSafetensors(join(folder, shard), part);
    files.set(shard, await readFile(join(folder, shard)));
    for (const name of part.keys()) weightMap[name] = shard;
  }
  return files.set('model.safetensors.index.json', Buffer.from(JSON.stringify({ weight_map: weightMap })));
}

describe('a plain path', () => {
  it('is given back, without a request', async () => {
    const unused = () => Promise.reject(new Error('no request expected'));
    expect(await resolveModelFolder(source, { environment: {}, fetch: unused })).toBe(source);
  });

  it.each([
    ['that does not exist', '/no/such/folder', /there is no model folder/],
    ['that has a name of the command line', 'organism:1', /knows no model called organism:1/],
    ['without config.json', dirname(source), /no config\.json/],
  ])('%s is reported, with the way to write hub models', async (_case, path, message) => {
    const error = await errorOf(() => resolveModelFolder(path, { environment: {}, fetch }));
    expect(error.code).toBe('checkpoint-missing');
    expect(error.message).toMatch(message);
    expect(error.hint).toContain('hf:owner/name');
  });
});

describe('the names of hub models', () => {
  it.each([
    'hf:',
    'hf:name',
    'hf:a/b/c',
    'hf:../b',
    'hf:a/..',
    'hf:a/b@',
    'hf:a/b@../x',
    'hf:a/b@x@y',
    'hf:a/b@/x',
    'hf:a--b/c',
    'hf:a/b@x//y',
    'hf:.a/b',
    'hf:a/b?x',
    'hf:a\\b/c',
  ])('%s is refused', async (name) => {
    const error = await errorOf(() =>
      resolveModelFolder(name, { environment: { HF_ENDPOINT: 'http://127.0.0.1:9' }, fetch }),
    );
    expect(error.code).toBe('usage-invalid');
  });

  it('may carry a revision, which the option overrides', async () => {
    const { hub, resolve, cache } = await startPlace();
    await resolve({}, `${reference}@refs/pr/1`);
    expect(await readFile(join(cache, 'refs', 'refs', 'pr', '1'), 'utf8')).toBe(hub.commit);
    const error = await errorOf(() => resolve({ revision: 'absent' }, `${reference}@main`));
    expect(error.code).toBe('hub-not-found');
    expect(error.message).toBe(`${repository} has no revision absent`);
  });
});

describe('a download', () => {
  it('fills the cache as huggingface_hub does, with the files that are needed', async () => {
    const { hub, resolve, cache, snapshot } = await startPlace();
    const folder = await resolve();
    expect(folder).toBe(snapshot);
    expect((await readdir(folder)).sort()).toEqual([...modelFiles].sort());
    expect(await readFile(join(cache, 'refs', 'main'), 'utf8')).toBe(hub.commit);
    for (const [name, content] of golden) {
      const hash = name === 'model.safetensors' ? sha256(content) : gitHash(content);
      expect(await readlink(join(folder, name))).toBe(join('..', '..', 'blobs', hash));
      expect((await readFile(join(folder, name))).equals(content)).toBe(true);
    }
    expect(await readdir(join(cache, 'blobs'))).toHaveLength(modelFiles.length);
    expectSameTensors((await readCheckpoint(folder)).weights, (await readCheckpoint(source)).weights);
  });

  it('reports bytes up to the total', async () => {
    const { resolve } = await startPlace();
    const seen: DownloadProgress[] = [];
    await resolve({ onProgress: (progress) => seen.push(progress) });
    const ofWeights = seen.filter(({ file }) => file === 'model.safetensors');
    expect(ofWeights.at(0)?.receivedBytes).toBe(0);
    expect(ofWeights.at(-1)).toEqual({
      file: 'model.safetensors',
      receivedBytes: weights.length,
      totalBytes: weights.length,
    });
    expect(ofWeights.length).toBeGreaterThan(2);
  });

  it('is not repeated', async () => {
    const { hub, resolve } = await startPlace();
    await resolve();
    hub.requests.length = 0;
    await resolve();
    expect(hub.requests.map(({ path }) => path.split('/')[1])).toEqual(['api', 'api']);
    hub.requests.length = 0;
    await resolve({ revision: hub.commit });
    expect(hub.requests).toEqual([]);
  });

  it('of a new revision keeps what did not change', async () => {
    const { hub, resolve, cache } = await startPlace();
    const first = await resolve();
    hub.commit = 'd'.repeat(40);
    hub.files.set('chat_template.jinja', Buffer.from('new'));
    hub.requests.length = 0;
    const second = await resolve();
    expect(second).not.toBe(first);
    expect(hub.requests.filter(({ path }) => path.includes('/resolve/'))).toHaveLength(1);
    expect(await readFile(join(second, 'chat_template.jinja'), 'utf8')).toBe('new');
    expect(await readFile(join(cache, 'refs', 'main'), 'utf8')).toBe(hub.commit);
  });

  it('gets all shards that the index names', async () => {
    const { resolve } = await startPlace(await shardedGolden());
    const folder = await resolve();
    expect(await readdir(folder)).toContain('model-2.safetensors');
    expectSameTensors((await readCheckpoint(folder)).weights, (await readCheckpoint(source)).weights);
  });

  it('follows a listing over several pages', async () => {
    const { hub, resolve } = await startPlace();
    hub.intercept = (_request, response, path) => {
      if (!path.includes('/tree/')) return false;
      const isSecond = path.includes('cursor=2');
      const part = [...hub.files].filter((_, index) => index % 2 === (isSecond ? 1 : 0));
      const next = `<${hub.endpoint}/api/models/${repository}/tree/${hub.commit}?cursor=2>; rel="next"`;
      sendJson(
        response,
        part.map(([name, content]) => hub.describe(name, content)),
        isSecond ? {} : { link: next },
      );
      return true;
    };
    expect((await readdir(await resolve())).sort()).toEqual([...modelFiles].sort());
  });
});

describe('the token', () => {
  const authorizations = (hub: LoopbackHub): Set<string | undefined> =>
    new Set(hub.requests.map(({ headers }) => headers.authorization));

  it.each<[string, Record<string, string>, string | undefined]>([
    ['HF_TOKEN', { HF_TOKEN: ' token-1\n' }, 'Bearer token-1'],
    ['the older variable', { HUGGING_FACE_HUB_TOKEN: 'token-2' }, 'Bearer token-2'],
    ['none', {}, undefined],
    ['none, where it is switched off', { HF_TOKEN: 'token-1', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }, undefined],
  ])('is that of %s', async (_case, environment, expected) => {
    const { hub, resolve } = await startPlace();
    await resolve({ environment });
    expect(authorizations(hub)).toEqual(new Set([expected]));
  });

  it('is read from the file of a login', async () => {
    const { hub, home, resolve } = await startPlace();
    await writeFile(join(home, 'token'), 'token-3\n');
    await resolve();
    expect(authorizations(hub)).toEqual(new Set(['Bearer token-3']));
  });

  it('is not sent to the host that large files are redirected to', async () => {
    const { hub, resolve } = await startPlace();
    const store = await startLoopbackHub([['model.safetensors', weights]]);
    hub.contentOrigin = store.endpoint;
    await resolve({ environment: { HF_TOKEN: 'token-1' } });
    expect(store.requests).toHaveLength(1);
    expect(authorizations(store)).toEqual(new Set([undefined]));
    expect(authorizations(hub)).toEqual(new Set(['Bearer token-1']));
  });

  it('is not sent to another host that a listing points to', async () => {
    const { hub, resolve } = await startPlace();
    const other = await startLoopbackHub([]);
    hub.intercept = (_request, response, path) => {
      if (!path.includes('/tree/')) return false;
      sendJson(response, [], { link: `<${other.endpoint}/next>; rel="next"` });
      return true;
    };
    const error = await errorOf(() => resolve({ environment: { HF_TOKEN: 'token-1' } }));
    expect(error.code).toBe('hub-unavailable');
    expect(other.requests).toEqual([]);
  });

  it('appears in no message when it is malformed', async () => {
    const { resolve } = await startPlace();
    const error = await errorOf(() => resolve({ environment: { HF_TOKEN: 'sec ret' } }));
    expect(error.code).toBe('hub-unauthorized');
    expect(error.message + error.hint).not.toContain('sec');
  });
});

describe('faults of the hub', () => {
  const answering = async (status: number, code?: string, message?: string) => {
    const place = await startPlace();
    place.hub.intercept = (_request, response) => {
      sendFault(response, status, code, message);
      return true;
    };
    return place;
  };

  it.each<[number, string, string, RegExp]>([
    [401, 'GatedRepo', 'hub-unauthorized', /accept its terms on http.*owner\/tiny-model and set HF_TOKEN/],
    [403, 'GatedRepo', 'hub-unauthorized', /accept its terms/],
    [404, 'RepoNotFound', 'hub-not-found', /Check the name/],
    [429, '', 'hub-unavailable', /Try again later/],
    [500, '', 'hub-unavailable', /Try again later/],
    [503, '', 'hub-unavailable', /Try again later/],
  ])('%i %s is %s', async (status, errorCode, code, hint) => {
    const { resolve } = await answering(status, errorCode, 'because');
    const error = await errorOf(() => resolve());
    expect(error.code).toBe(code);
    expect(error.message).toContain(`answered ${status} for ${repository} (because)`);
    expect(error.hint).toMatch(hint);
    expect(error.exitCode).toBe(5);
  });

  it('says that the token that was sent is not enough', async () => {
    const { resolve } = await answering(403);
    const error = await errorOf(() => resolve({ environment: { HF_TOKEN: 'x' } }));
    expect(error.hint).toContain('HF_TOKEN was sent');
  });

  it('is told apart from a network that is down', async () => {
    const { hub, resolve } = await startPlace();
    await hub.close();
    const error = await errorOf(() => resolve());
    expect(error.code).toBe('hub-unavailable');
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.hint).toContain('network');
  });

  it('uses the copy in the cache, and says so, while the hub is down', async () => {
    const { hub, resolve } = await startPlace();
    const folder = await resolve();
    hub.intercept = (_request, response) => {
      sendFault(response, 503);
      return true;
    };
    const notices: string[] = [];
    expect(await resolve({ onNotice: (notice) => notices.push(notice) })).toBe(folder);
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain('in the cache');
  });

  it('notices a page in place of an answer', async () => {
    const { hub, resolve } = await startPlace();
    hub.intercept = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in</html>');
      return true;
    };
    const error = await errorOf(() => resolve());
    expect(error.code).toBe('hub-unavailable');
    expect(error.hint).toContain('login page');
  });

  it('refuses an endpoint that is no address', async () => {
    for (const endpoint of ['file:///etc', 'nonsense', 'http://']) {
      expect(
        (await errorOf(() => resolveModelFolder(reference, { environment: { HF_ENDPOINT: endpoint }, fetch }))).code,
      ).toBe('usage-invalid');
    }
  });
});

/**
 * Breaks the connection each time the client has so many bytes of the weights; not before, or they might be lost with it.
 * Returns what the client must call.
 */
function breakOffAt(hub: LoopbackHub, positions: readonly number[]): (progress: DownloadProgress) => void {
  const left = [...positions];
  let open: ServerResponse | undefined;
  hub.intercept = (request, response, path) => {
    if (path !== '/content/model.safetensors' || left.length === 0) return false;
    sendContentStart(request, response, weights, left[0]);
    open = response;
    return true;
  };
  return ({ file, receivedBytes }) => {
    if (file !== 'model.safetensors' || !open || receivedBytes !== left[0]) return;
    left.shift();
    open.destroy();
    open = undefined;
  };
}

describe('an interrupted download', () => {
  it('is continued where it broke off', async () => {
    const { hub, resolve } = await startPlace();
    const pauses: number[] = [];
    const folder = await resolve({
      onProgress: breakOffAt(hub, [100_000, 200_000]),
      wait: async (milliseconds) => {
        pauses.push(milliseconds);
      },
    });
    expect((await readFile(join(folder, 'model.safetensors'))).equals(weights)).toBe(true);
    const ranges = hub.requests.filter(({ path }) => path.startsWith('/content/')).map(({ headers }) => headers.range);
    expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=200000-']);
    expect(pauses).toEqual([500, 500]);
  });

  it('begins again where the server knows no ranges', async () => {
    const { hub, resolve } = await startPlace();
    const onProgress = breakOffAt(hub, [100_000]);
    const { intercept } = hub;
    hub.intercept = (request, response, path) => {
      delete request.headers.range;
      return intercept(request, response, path);
    };
    const folder = await resolve({ onProgress });
    expect((await readFile(join(folder, 'model.safetensors'))).equals(weights)).toBe(true);
    expect(hub.requests.filter(({ path }) => path.startsWith('/content/'))).toHaveLength(2);
  });

  it('is given up when nothing comes any more, and what came is kept', async () => {
    const { hub, resolve, cache } = await startPlace();
    const breakOff = breakOffAt(hub, [50_000]);
    const error = await errorOf(() =>
      resolve({
        onProgress: breakOff,
        wait: async () => {
          hub.intercept = (_request, response) => {
            sendFault(response, 503);
            return true;
          };
        },
      }),
    );
    expect(error.code).toBe('hub-unavailable');
    // One that brought something, and four in a row that did not.
    expect(
      hub.requests.filter(({ path }) => path.includes('model.safetensors') && path.includes('resolve')),
    ).toHaveLength(5);
    expect((await stat(join(cache, 'blobs', `${sha256(weights)}.incomplete`))).size).toBe(50_000);
    expect(await readdir(cache)).not.toContain('refs');
    const offline = await errorOf(() => resolve({ environment: { HF_HUB_OFFLINE: '1' }, revision: hub.commit }));
    expect(offline.message).toContain('lacks model.safetensors');

    hub.intercept = () => false;
    await resolve();
    expect(hub.requests.at(-1)?.headers.range).toBe('bytes=50000-');
  });

  it('is not tried again where it is refused', async () => {
    const { hub, resolve } = await startPlace();
    hub.intercept = (_request, response, path) => {
      if (path !== '/content/model.safetensors') return false;
      sendFault(response, 403);
      return true;
    };
    expect((await errorOf(() => resolve())).code).toBe('hub-unauthorized');
    expect(hub.requests.filter(({ path }) => path.startsWith('/content/'))).toHaveLength(1);
  });

  it('on request keeps what came', async () => {
    const { hub, resolve, cache } = await startPlace();
    const stop = new AbortController();
    hub.intercept = (_request, response, path) => {
      if (path !== '/content/model.safetensors') return false;
      response.writeHead(200, { 'content-length': weights.length }).write(weights.subarray(0, 70_000));
      return true;
    };
    const error = await errorOf(() =>
      resolve({
        signal: stop.signal,
        onProgress: ({ file, receivedBytes }) => {
          if (file === 'model.safetensors' && receivedBytes === 70_000) stop.abort();
        },
      }),
    );
    expect(error.code).toBe('interrupted');
    expect(error.message).toContain('kept');
    expect((await stat(join(cache, 'blobs', `${sha256(weights)}.incomplete`))).size).toBe(70_000);
  });

  it('can be stopped while it pauses, and before it begins', async () => {
    const { hub, resolve } = await startPlace();
    const stop = new AbortController();
    hub.intercept = (_request, response, path) => {
      if (!path.startsWith('/content/')) return false;
      sendFault(response, 503);
      stop.abort();
      return true;
    };
    expect((await errorOf(() => resolve({ signal: stop.signal, wait: undefined! }))).code).toBe('interrupted');
    expect((await errorOf(() => resolve({ signal: AbortSignal.abort() }))).code).toBe('interrupted');
  });
});

describe('content that is not what was announced', () => {
  it.each<[string, (content: Buffer) => Buffer]>([
    ['changed', (content) => Buffer.from(content).fill(1, 500, 600)],
    ['longer', (content) => Buffer.concat([content, Buffer.from('more')])],
    ['shorter', (content) => content.subarray(0, -1)],
  ])('and %s gets no name in the cache', async (_case, change) => {
    const { hub, resolve, snapshot } = await startPlace();
    hub.intercept = (request, response, path) => {
      if (path !== '/content/model.safetensors') return false;
      sendContent(request, response, change(weights));
      return true;
    };
    expect((await errorOf(() => resolve())).code).toBe('hub-unavailable');
    expect(await readdir(snapshot)).not.toContain('model.safetensors');
    expect((await readdir(join(snapshot, '..', '..', 'blobs'))).filter((name) => name === sha256(weights))).toEqual([]);
  });

  it('is replaced where an earlier attempt left something else', async () => {
    const { resolve, cache } = await startPlace();
    await mkdir(join(cache, 'blobs'), { recursive: true });
    await writeFile(join(cache, 'blobs', `${sha256(weights)}.incomplete`), Buffer.alloc(1000, 7));
    await writeFile(join(cache, 'blobs', `${gitHash(golden.get('config.json')!)}.incomplete`), Buffer.alloc(100_000));
    const folder = await resolve();
    expect((await readFile(join(folder, 'model.safetensors'))).equals(weights)).toBe(true);
    expect((await readFile(join(folder, 'config.json'))).equals(golden.get('config.json')!)).toBe(true);
  });
});

describe('names that climb out of the cache', () => {
  it('are not taken from a listing', async () => {
    const { hub, resolve, home } = await startPlace();
    hub.files.set('../../../../evil.json', Buffer.from('x'));
    hub.files.set('/etc/evil', Buffer.from('x'));
    const folder = await resolve();
    expect((await readdir(folder)).sort()).toEqual([...modelFiles].sort());
    expect(await readdir(home)).toEqual(['hub']);
  });

  it('are not taken from a shard index', async () => {
    const files = await shardedGolden();
    const index = { weight_map: { a: '../../../../evil.safetensors' } };
    files.set('model.safetensors.index.json', Buffer.from(JSON.stringify(index)));
    files.set('../../../../evil.safetensors', Buffer.from('x'));
    const { hub, resolve } = await startPlace(files);
    const error = await errorOf(() => resolve());
    expect(error.code).toBe('checkpoint-invalid');
    expect(error.message).toContain('no plain file name');
    expect(hub.requests.some(({ path }) => path.includes('evil'))).toBe(false);
  });

  it('are not taken from hashes, nor from the commit', async () => {
    const { hub, resolve } = await startPlace();
    const { describe: honest } = hub;
    hub.describe = (name, content) => ({
      ...honest(name, content),
      ...(name === 'tokenizer.json' && { oid: '../../../evil' }),
    });
    expect(await readdir(await resolve())).not.toContain('tokenizer.json');

    const other = await startPlace();
    other.hub.commit = '../../evil';
    expect((await errorOf(() => other.resolve())).code).toBe('hub-unavailable');
  });
});

describe('repositories that are no models', () => {
  it.each<[string, (files: Map<string, Buffer>) => unknown, string, RegExp]>([
    ['no config.json', (files) => files.delete('config.json'), 'checkpoint-missing', /no config\.json/],
    ['only pickles', (files) => files.delete('model.safetensors'), 'checkpoint-missing', /can run any code/],
    [
      'a shard too few',
      (files) => {
        files.delete('model.safetensors');
        files.set('model.safetensors.index.json', Buffer.from('{"weight_map":{"a":"model-9.safetensors"}}'));
      },
      'checkpoint-invalid',
      /model-9\.safetensors, which the repository does not have/,
    ],
  ])('have %s', async (_case, change, code, message) => {
    const files = new Map(golden);
    change(files);
    const { resolve } = await startPlace(files);
    const error = await errorOf(() => resolve());
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

describe('offline', () => {
  it.each(['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE'])('(%s) the cache answers, without a request', async (variable) => {
    const { hub, resolve } = await startPlace(await shardedGolden());
    const folder = await resolve();
    hub.requests.length = 0;
    expect(await resolve({ environment: { [variable]: '1' } })).toBe(folder);
    expect(await resolve({ environment: { [variable]: 'true' }, revision: hub.commit })).toBe(folder);
    expect(hub.requests).toEqual([]);
  });

  it('an absent or incomplete model is named, with what it lacks', async () => {
    const { hub, resolve, snapshot } = await startPlace(await shardedGolden());
    const environment = { HF_HUB_OFFLINE: '1' };
    const absent = await errorOf(() => resolve({ environment }));
    expect(absent.code).toBe('hub-offline');
    expect(absent.message).toContain('lacks config.json, model.safetensors of owner/tiny-model at main');
    expect(hub.requests).toEqual([]);
    await resolve();
    await rm(join(snapshot, 'model-2.safetensors'));
    expect((await errorOf(() => resolve({ environment }))).message).toContain('lacks model-2.safetensors of');
    expect((await errorOf(() => resolve({ environment, revision: 'other' }))).message).toContain('at other');
  });

  it('a link to a blob that was deleted counts as absent, and is repaired online', async () => {
    const { resolve, snapshot, cache } = await startPlace();
    await resolve();
    await rm(join(cache, 'blobs', sha256(weights)));
    const offline = await errorOf(() => resolve({ environment: { HF_HUB_OFFLINE: '1' } }));
    expect(offline.message).toContain('lacks model.safetensors');
    await resolve();
    expect((await lstat(join(snapshot, 'model.safetensors'))).isSymbolicLink()).toBe(true);
    expect((await readFile(join(snapshot, 'model.safetensors'))).equals(weights)).toBe(true);
  });
});

describe('the place of the cache', () => {
  it.each<[string, (root: string) => Record<string, string>, string]>([
    ['HF_HUB_CACHE', (root) => ({ HF_HUB_CACHE: join(root, 'a'), HF_HOME: join(root, 'b') }), 'a'],
    ['the older variable', (root) => ({ HUGGINGFACE_HUB_CACHE: join(root, 'a'), HF_HOME: join(root, 'b') }), 'a'],
    ['HF_HOME', (root) => ({ HF_HOME: join(root, 'b'), XDG_CACHE_HOME: join(root, 'c') }), 'b/hub'],
    ['XDG_CACHE_HOME', (root) => ({ XDG_CACHE_HOME: join(root, 'c'), HOME: root }), 'c/huggingface/hub'],
    ['the home folder', (root) => ({ HOME: root }), '.cache/huggingface/hub'],
    ['a path from the home folder', (root) => ({ HOME: root, HF_HOME: '~/d' }), 'd/hub'],
  ])('follows %s', async (_case, environment, place) => {
    const root = await makeTemporaryFolder();
    const hub = await startLoopbackHub(golden);
    const folder = await resolveModelFolder(reference, {
      environment: { HF_ENDPOINT: `${hub.endpoint}/`, ...environment(root) },
      fetch,
    });
    expect(folder).toBe(join(root, place, 'models--owner--tiny-model', 'snapshots', hub.commit));
  });
});
