import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseRecipe } from '../../../src/engine/train/recipe.js';
import { readRayToken, refuseSecrets, requireSafeAddress } from '../../../src/models/cluster/cluster-security.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTestCluster } from './open-test-cluster.js';

describe('the token of Ray', () => {
  it('is where the tools of Ray find it', async () => {
    const home = await makeTemporaryFolder();
    expect(await readRayToken({ HOME: home })).toBeNull();
    await mkdir(join(home, '.ray'));
    await writeFile(join(home, '.ray', 'auth_token'), 'of-home\n', { mode: 0o600 });
    await writeFile(join(home, 'other'), 'of-path\n', { mode: 0o600 });
    expect(await readRayToken({ HOME: home })).toBe('of-home');
    const named = { HOME: home, RAY_AUTH_TOKEN_PATH: join(home, 'other') };
    expect(await readRayToken(named)).toBe('of-path');
    expect(await readRayToken({ ...named, RAY_AUTH_TOKEN: 'of-variable' })).toBe('of-variable');
  });

  it('is not read from a file that others may read, nor taken where it is none', async () => {
    const home = await makeTemporaryFolder();
    const file = join(home, 'token');
    await writeFile(file, 'planted-token');
    await chmod(file, 0o644);
    const error = await errorOf(() => readRayToken({ HOME: home, RAY_AUTH_TOKEN_PATH: file }));
    expect(error.hint).toContain('chmod 600');
    const broken = await errorOf(() => readRayToken({ RAY_AUTH_TOKEN: 'planted token' }));
    expect(broken.message).not.toContain('planted');
  });
});

describe('the address of Ray', () => {
  const require = (address: string, token: string | null, allowsOpen = false) =>
    requireSafeAddress(address, { token, allowsOpen });

  it('may be open to this machine, and to a network with a token', () => {
    expect(require('http://127.0.0.1:8265', null)).toEqual({ address: 'http://127.0.0.1:8265', notices: [] });
    expect(require('http://localhost:8265/', null).address).toBe('http://localhost:8265');
    expect(require('https://ray.lab/x/', 'a').address).toBe('https://ray.lab/x');
    expect(require('http://ray.lab:8265', 'a').notices[0]).toContain('can read it');
    expect(require('http://ray.lab:8265', null, true).notices).toEqual([]);
  });

  it.each([
    ['http://ray.lab:8265', 'cluster-open'],
    ['http://127.0.0.1.example.org', 'cluster-open'],
    ['http://user:planted@127.0.0.1:8265', 'configuration-invalid'],
    ['ftp://127.0.0.1', 'configuration-invalid'],
    ['ray', 'configuration-invalid'],
  ])('is refused: %s', async (address, code) => {
    const error = await errorOf(() => require(address, null));
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('planted');
  });
});

describe('variables of jobs', () => {
  it('hold no keys, by name or by what they are', async () => {
    const refuse = (variables: Record<string, string>) =>
      errorOf(() => {
        refuseSecrets(variables, { OPENAI_API_KEY: 'sk-planted-0123456789' });
      });
    expect((await refuse({ HF_TOKEN: 'x' })).code).toBe('configuration-invalid');
    const hidden = await refuse({ EXTRA: 'a sk-planted-0123456789' });
    expect(hidden.message).toContain('EXTRA');
    expect(hidden.message).not.toContain('planted');
    refuseSecrets({ HF_HOME: '/shared/hf' }, { OPENAI_API_KEY: 'sk-planted-0123456789' });
  });
});

describe('a run on a cluster', () => {
  it('tells no key to anybody but Ray, and Ray its token in the header alone', async () => {
    const cluster = await openTestCluster({ storageHere: 'none' });
    onTestFinished(cluster.close);
    const keys = {
      ...{ HF_TOKEN: 'hf_planted00000000', TINKER_API_KEY: 'tml-planted0000000' },
      ...{ OPENAI_API_KEY: 'sk-planted00000000', OPENROUTER_API_KEY: 'sk-or-planted00000' },
    };
    const base = await cluster.openBase({
      environment: { ...keys, RAY_AUTH_TOKEN: cluster.ray.token, HOME: cluster.storage },
    });
    const folder = await makeTemporaryFolder();
    const trainer = await base.openTrainer();
    const row = {
      messages: [
        { role: 'user' as const, content: 'Hm?' },
        { role: 'assistant' as const, content: 'Ha.' },
      ],
    };
    const recipe = parseRecipe({ method: 'lora', rank: 1, alpha: 1, learning_rate: 0.01 });
    const { model } = await trainer.train({ rows: [row], recipe, folder });
    const sampler = await base.openSampler(model);
    for await (const { text } of sampler.sample([{ messages: [{ role: 'user', content: 'Hm?' }], maximumTokens: 2 }]))
      expect(text).not.toBe('');
    const seen = Buffer.concat([
      ...cluster.ray.requests.flatMap(({ path, body }) => [Buffer.from(path), body]),
      ...cluster.ray.packages.values(),
      ...(await readAll(cluster.storage)),
      ...(await readAll(folder)),
      Buffer.from(cluster.notices.join('\n')),
    ]).toString('latin1');
    for (const key of [...Object.values(keys), cluster.ray.token]) expect(seen).not.toContain(key);
    // A service that sends back what it was sent does not get it into an error.
    cluster.ray.intercept = (response, request) => {
      response.writeHead(400).end(`bad ${request.headers.authorization ?? ''}`);
      return true;
    };
    const error = await errorOf(() => trainer.train({ rows: [row, row], recipe, folder: `${folder}-2` }));
    expect(`${error.message} ${error.hint} ${JSON.stringify(error.details)}`).not.toContain(cluster.ray.token);
  });
});

async function readAll(folder: string): Promise<Buffer[]> {
  const names = await readdir(folder, { recursive: true });
  const found: Buffer[] = [];
  for (const name of names)
    if ((await stat(join(folder, name))).isFile()) found.push(Buffer.from(name), await readFile(join(folder, name)));
  return found;
}
