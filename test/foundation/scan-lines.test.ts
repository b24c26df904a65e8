import { describe, expect, it } from 'vitest';
import { createLineScanner, scanRecords } from '../../src/foundation/scan-records.js';

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string | Buffer, size: number, longest = 100): Promise<readonly string[]> {
  const lines: string[] = [];
  const scan = createLineScanner({
    onLine: (found, line) => lines.push(`${String(line)} ${found}`),
    fail: ({ line, problem }) => new Error(`${String(line)}: ${problem}`),
    longest,
  });
  await scanRecords(cut(Buffer.from(text), size), scan);
  return lines;
}

describe('createLineScanner', () => {
  it.each([1, 2, 3, 5, 1000])('numbers lines in blocks of %i bytes', async (size) => {
    expect(await read('\ufeffone\n\nthrée\nfour', size)).toEqual(['1 one', '2 ', '3 thrée', '4 four']);
    expect(await read('one\n', size)).toEqual(['1 one']);
    expect(await read('', size)).toEqual([]);
  });

  it('says which line is not UTF-8, and which is longer than any should be', async () => {
    await expect(read(Buffer.from('one\ncaf\xe9\n', 'latin1'), 4)).rejects.toThrow('2: the text is not UTF-8');
    await expect(read(`one\n${'x'.repeat(200)}\n`, 4)).rejects.toThrow('2: the line is longer than');
  });
});
