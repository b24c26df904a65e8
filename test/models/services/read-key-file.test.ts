import { execFileSync } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskKey } from '../../../src/models/hosted/client/hosted-client.js';
import { addKeysOfFile, keyNames } from '../../../src/models/services/read-key-file.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

const secret = 'sk-planted-0a1b2c3d';

async function read(text: string, environment: Record<string, string> = {}, mode = 0o600) {
  const file = join(await makeTemporaryFolder(), 'keys');
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, mode);
  return addKeysOfFile({ DRIFTLINE_KEY_FILE: file, ...environment });
}

describe('a key file', () => {
  it('adds its keys to the environment, which counts more', async () => {
    const text = `# mine\r\n\r\nOPENAI_API_KEY=${secret}\r\nTOGETHER_API_KEY=tg-1==\nVLLM_API_KEY=other`;
    const environment = await read(text, { VLLM_API_KEY: 'set', TOGETHER_API_KEY: ' ', HOME: '/home/me' });
    expect(environment).toMatchObject({
      OPENAI_API_KEY: secret,
      TOGETHER_API_KEY: 'tg-1==',
      VLLM_API_KEY: 'set',
      HOME: '/home/me',
    });
  });

  it('is not looked for where none is named', async () => {
    const environment = { OPENAI_API_KEY: secret };
    expect(await addKeysOfFile(environment)).toBe(environment);
    expect((await errorOf(() => addKeysOfFile({ DRIFTLINE_KEY_FILE: 'nowhere/keys' }))).code).toBe('file-unreadable');
  });

  it.skipIf(process.platform === 'win32').each([0o640, 0o604, 0o644, 0o620, 0o602, 0o660, 0o777])(
    'of the mode %o is refused, and told how to be mended',
    async (mode) => {
      const error = await errorOf(() => read(`OPENAI_API_KEY=${secret}`, {}, mode));
      expect(error).toMatchObject({ code: 'usage-invalid', exitCode: 2 });
      expect(error.message).toContain(`its mode is ${mode.toString(8)}`);
      expect(error.hint).toMatch(/^Run chmod 600 \S+keys, so/);
    },
  );

  it.skipIf(process.platform === 'win32').each([0o400, 0o600, 0o700])('of the mode %o is read', async (mode) => {
    expect(await read(`OPENAI_API_KEY=${secret}`, {}, mode)).toMatchObject({ OPENAI_API_KEY: secret });
  });

  it.skipIf(process.platform === 'win32')('is no folder, no pipe, and nothing large', async () => {
    const folder = await makeTemporaryFolder();
    const [inner, pipe, large] = [join(folder, 'folder'), join(folder, 'pipe'), join(folder, 'large')];
    await mkdir(inner, { mode: 0o700 });
    execFileSync('mkfifo', ['-m', '600', pipe]);
    await writeFile(large, '#'.repeat(100_000), { mode: 0o600 });
    for (const file of [inner, pipe, large]) {
      const error = await errorOf(() => addKeysOfFile({ DRIFTLINE_KEY_FILE: file }));
      expect(error.message).toBe(`${file}: it is no file of a few lines`);
    }
  });

  it.each([
    [`OPENAI_API_KEI=${secret}`, 'line 1: there is no key called OPENAI_API_KEI (did you mean OPENAI_API_KEY?)'],
    [`\nTOGETHERAI_API_KEY=${secret}`, 'line 2: there is no key called TOGETHERAI_API_KEY (did you mean'],
    [`COMPLETELY_DIFFERENT=${secret}`, 'there is no key called COMPLETELY_DIFFERENT'],
    ['OPENAI_BASE_URL=http://127.0.0.1/v1', 'OPENAI_BASE_URL is no key'],
    [`export OPENAI_API_KEY=${secret}`, 'line 1: it is not NAME=KEY'],
    [`OPENAI_API_KEY = ${secret}`, 'it is not NAME=KEY'],
    [`OPENAI_API_KEY: ${secret}`, 'it is not NAME=KEY'],
    [secret, 'it is not NAME=KEY'],
    [`${secret}=${secret}`, 'it is not NAME=KEY'],
    ['OPENAI_API_KEY=', 'OPENAI_API_KEY has no key'],
    [`OPENAI_API_KEY="${secret}"`, 'OPENAI_API_KEY has no key, or one with quotes'],
    [`OPENAI_API_KEY=${secret} # mine`, 'OPENAI_API_KEY has no key, or one with quotes, spaces'],
    [`OPENAI_API_KEY=${secret}\u00e9`, 'OPENAI_API_KEY has no key'],
    [`OPENAI_API_KEY=${secret}\nOPENAI_API_KEY=${secret}`, 'line 2: OPENAI_API_KEY stands there twice'],
  ])('is refused with %j', async (text, problem) => {
    const error = await errorOf(() => read(text));
    expect(error).toMatchObject({ code: 'usage-invalid', exitCode: 2 });
    expect(error.message).toContain(problem);
    expect([error.message, error.hint, JSON.stringify(error.details), error.stack].join()).not.toContain(secret);
  });

  it('shows nothing of lines that it does not understand', async () => {
    const names = new Set(keyNames);
    await fc.assert(
      fc.asyncProperty(fc.string({ minLength: 12, unit: 'grapheme-ascii' }), async (line) => {
        const text = line.replaceAll(/[\r\n]/g, '');
        fc.pre(
          text.trim().length >= 12 && !text.trim().startsWith('#') && !names.has(text.split('=')[0]?.trim() ?? ''),
        );
        const error = await errorOf(() => read(text));
        expect(`${error.message}${error.hint}`).not.toContain(text.trim());
      }),
      { numRuns: 50 },
    );
  });
});

describe('a masked text', () => {
  it('has neither the key nor a beginning of it that is cut off', () => {
    expect(maskKey(`Bearer ${secret} and ${secret}.`, secret)).toBe('Bearer *** and ***.');
    expect(maskKey(`{"authorization":"Bearer ${secret.slice(0, 12)}`, secret)).toBe('{"authorization":"Bearer ***');
    expect(maskKey('nothing of it', secret)).toBe('nothing of it');
  });
});
