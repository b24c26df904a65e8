import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openRecordFile } from '../../src/runs/record-file.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const schema = z.strictObject({ key: z.string(), text: z.string() });
const makeFile = async (): Promise<string> => join(await makeTemporaryFolder(), 'answers.jsonl');
const open = (file: string, onSpoilt?: (lines: readonly number[]) => void) =>
  openRecordFile(file, { schema, keyOf: ({ key }) => key }, onSpoilt === undefined ? {} : { onSpoilt });

async function write(file: string, ...keys: string[]): Promise<void> {
  const records = await open(file);
  for (const key of keys) await records.append([{ key, text: `Text of ${key}` }]);
  await records.close();
}

async function readKeys(file: string, spoilt: number[] = []): Promise<string[]> {
  const records = await open(file, (lines) => spoilt.push(...lines));
  await records.close();
  return [...records.records.keys()];
}

describe('a file of records', () => {
  it('holds what was appended, in its order, for whoever opens it next', async () => {
    const file = await makeFile();
    await write(file, 'b', 'a');
    await write(file, 'c');
    const records = await open(file);
    expect([...records.records.values()]).toEqual(['b', 'a', 'c'].map((key) => ({ key, text: `Text of ${key}` })));
    await records.close();
  });

  it('refuses a second record of a key', async () => {
    const file = await makeFile();
    const records = await open(file);
    await records.append([{ key: 'a', text: 'one' }]);
    const error = await errorOf(() => records.append([{ key: 'a', text: 'two' }]));
    expect(error.code).toBe('internal-error');
    const twice = { key: 'b', text: 'one' };
    expect((await errorOf(() => records.append([twice, twice]))).code).toBe('internal-error');
    await records.close();
    expect(await readKeys(file)).toEqual(['a']);
  });

  it('counts only what has reached the disk', async () => {
    const file = await makeFile();
    const records = await open(file);
    await records.append([{ key: 'a', text: 'one' }]);
    await records.close();
    const error = await errorOf(() => records.append([{ key: 'b', text: 'two' }]));
    expect(error.code).toBe('write-failed');
    expect([...records.records.keys()]).toEqual(['a']);
  });

  it('takes many at once, and lets some go for others', async () => {
    const file = await makeFile();
    const records = await open(file);
    const many = Array.from({ length: 3000 }, (_, index) => ({ key: String(index), text: 'x' }));
    await records.append(many);
    await records.drop(['7', 'never']);
    await records.append([{ key: '7', text: 'y' }]);
    await records.close();
    const keys = await readKeys(file);
    expect(keys).toHaveLength(3000);
    expect(keys.at(-1)).toBe('7');
  });

  it('does without a half-written last line, which is no news', async () => {
    const file = await makeFile();
    await write(file, 'a', 'b');
    const whole = await readFile(file, 'utf8');
    const spoilt: number[] = [];
    for (let length = whole.indexOf('\n') + 1; length < whole.length - 1; length += 1) {
      await writeFile(file, whole.slice(0, length));
      expect(await readKeys(file, spoilt)).toEqual(['a']);
    }
    expect(spoilt).toEqual([]);
    await write(file, 'b');
    expect(await readFile(file, 'utf8')).toBe(whole);
  });

  it('does not trust a line that was changed, and names it', async () => {
    const file = await makeFile();
    await write(file, 'a', 'b', 'c', 'd');
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    lines[1] = lines[1]?.replace('Text', 'Test') ?? '';
    lines[2] = lines[2]?.replace(/,"check.*/, '}') ?? '';
    await writeFile(file, `${lines.join('\n')}\n`);
    const spoilt: number[] = [];
    expect(await readKeys(file, spoilt)).toEqual(['a', 'd']);
    expect(spoilt).toEqual([2, 3]);
    // They are gone, so that they are named once.
    expect(await readKeys(file, spoilt)).toEqual(['a', 'd']);
    expect(spoilt).toEqual([2, 3]);
    await write(file, 'b', 'c');
    expect(await readKeys(file)).toEqual(['a', 'd', 'b', 'c']);
  });

  it('does not count a line twice that was copied', async () => {
    const file = await makeFile();
    await write(file, 'a');
    await appendFile(file, await readFile(file));
    const spoilt: number[] = [];
    expect(await readKeys(file, spoilt)).toEqual(['a']);
    expect(spoilt).toEqual([2]);
  });

  it('takes a line that is no JSON for changed, and keeps all others', async () => {
    const file = await makeFile();
    await write(file, 'a');
    await appendFile(file, 'b?\n');
    const spoilt: number[] = [];
    expect(await readKeys(file, spoilt)).toEqual(['a']);
    expect(spoilt).toEqual([2]);
  });

  it('can be put in an order, with unknown keys left out and other records behind', async () => {
    const file = await makeFile();
    await write(file, 'd', 'c', 'x', 'a');
    const records = await open(file);
    await records.arrange(['a', 'b', 'c', 'd']);
    expect([...records.records.keys()]).toEqual(['a', 'c', 'd', 'x']);
    await records.append([{ key: 'b', text: 'Text of b' }]);
    await records.close();
    expect(await readKeys(file)).toEqual(['a', 'c', 'd', 'x', 'b']);
    const sorted = await makeFile();
    await write(sorted, 'a', 'c', 'd', 'x', 'b');
    expect(await readFile(file, 'utf8')).toBe(await readFile(sorted, 'utf8'));
  });
});
