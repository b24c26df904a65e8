import fc from 'fast-check';
import { readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJsonLinesWriter } from '../../src/foundation/append-json-lines.js';
import { readJsonLines, type JsonLine, type JsonLinesReading } from '../../src/foundation/read-json-lines.js';
import { makeTemporaryFolder } from './temporary-folder.js';

async function readAll(path: string, reading?: JsonLinesReading): Promise<JsonLine[]> {
  const lines = [];
  for await (const line of readJsonLines(path, reading)) lines.push(line);
  return lines;
}

async function makeFile(content: string | Uint8Array): Promise<string> {
  const path = join(await makeTemporaryFolder(), 'answers.jsonl');
  await writeFile(path, content);
  return path;
}

describe('readJsonLines', () => {
  it('numbers lines as an editor does, and skips empty ones', async () => {
    const path = await makeFile('\ufeff{"a":1}\r\n\n  \n"b"\n3');
    expect(await readAll(path)).toEqual([
      { line: 1, value: { a: 1 } },
      { line: 4, value: 'b' },
      { line: 5, value: 3 },
    ]);
    expect(await readAll(await makeFile(''))).toEqual([]);
  });

  it('joins lines that are longer than the pieces in which a file is read', async () => {
    const long = 'é'.repeat(150_000);
    const path = await makeFile(`${JSON.stringify({ long })}\n{"short":1}\n${JSON.stringify([long])}\n`);
    expect(await readAll(path)).toEqual([
      { line: 1, value: { long } },
      { line: 2, value: { short: 1 } },
      { line: 3, value: [long] },
    ]);
  });

  it.each(['{"a":', '{"a":"\u00e9', '12', 'tru', ''])('skips the half-written end %j on request', async (end) => {
    const path = await makeFile(`{"a":1}\n${end}`);
    expect(await readAll(path, { halfWrittenEnd: 'skip' })).toEqual([{ line: 1, value: { a: 1 } }]);
  });

  it('skips an end in the middle of a character on request', async () => {
    const bytes = Buffer.from('{"a":1}\n{"a":"€"}');
    const path = await makeFile(bytes.subarray(0, bytes.indexOf(0xe2) + 2));
    expect(await readAll(path, { halfWrittenEnd: 'skip' })).toEqual([{ line: 1, value: { a: 1 } }]);
  });

  it('keeps a whole last line that only lacks its line feed', async () => {
    const path = await makeFile('{"a":1}\n{"a":2}');
    expect(await readAll(path, { halfWrittenEnd: 'skip' })).toHaveLength(2);
    expect(await readAll(path)).toHaveLength(2);
  });

  it('names file and line of a broken line: any with a line feed, and by default the last', async () => {
    const inside = await makeFile('{"a":1}\n{"a":\n{"a":3}\n');
    const broken = {
      code: 'json-lines-invalid',
      message: expect.stringContaining(`${inside}:2 `),
      details: { line: 2 },
    };
    await expect(readAll(inside)).rejects.toMatchObject(broken);
    await expect(readAll(inside, { halfWrittenEnd: 'skip' })).rejects.toMatchObject(broken);
    const last = await makeFile('{"a":1}\n{"a":2}\n{"a"');
    await expect(readAll(last)).rejects.toMatchObject({ details: { file: last, line: 3 } });
    const notText = await makeFile(Buffer.from([0x22, 0xff, 0x22, 0x0a]));
    await expect(readAll(notText)).rejects.toMatchObject({ code: 'json-lines-invalid', details: { line: 1 } });
  });

  it('names a file that is not there', async () => {
    const path = join(await makeTemporaryFolder(), 'missing.jsonl');
    await expect(readAll(path)).rejects.toMatchObject({
      code: 'file-unreadable',
      message: expect.stringContaining(path),
    });
  });
});

describe('openJsonLinesWriter', () => {
  it('appends to what is there, one line a value', async () => {
    const path = await makeFile('{"a":1}\n');
    const writer = await openJsonLinesWriter(path);
    await writer.append({ a: 2 }, { text: 'two\nlines' });
    expect(await readFile(path, 'utf8')).toBe('{"a":1}\n{"a":2}\n{"text":"two\\nlines"}\n');
    await writer.append({ a: 4 });
    await writer.close();
    expect(await readAll(path)).toHaveLength(4);
  });

  it('keeps the order and the lines of overlapping appends, and finishes them before it closes', async () => {
    const path = join(await makeTemporaryFolder(), 'new.jsonl');
    const writer = await openJsonLinesWriter(path);
    const appends = Array.from({ length: 50 }, (_, index) => writer.append({ index, text: 'x'.repeat(index * 100) }));
    await writer.close();
    await Promise.all(appends);
    const indices = (await readAll(path)).map(({ value }) => (value as { index: number }).index);
    expect(indices).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('continues a file that was cut anywhere with the lines that were whole', async () => {
    const folder = await makeTemporaryFolder();
    const whole = '{"row":0}\n{"row":"é"}\n{"row":[2]}\n';
    const size = Buffer.byteLength(whole);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: size }), async (length) => {
        const path = join(folder, `cut-${length}.jsonl`);
        await writeFile(path, whole);
        await truncate(path, length);
        const before = await readAll(path, { halfWrittenEnd: 'skip' });
        const writer = await openJsonLinesWriter(path);
        await writer.append({ row: 'next' });
        await writer.close();
        const values = (await readAll(path)).map(({ value }) => value);
        expect(values).toEqual([...before.map(({ value }) => value), { row: 'next' }]);
      }),
      { numRuns: 40 },
    );
  });

  it('finds the start of a half-written line that is longer than the block it looks through', async () => {
    const path = await makeFile(`{"a":1}\n{"long":"${'x'.repeat(200_000)}`);
    const writer = await openJsonLinesWriter(path);
    await writer.append({ a: 2 });
    await writer.close();
    expect(await readFile(path, 'utf8')).toBe('{"a":1}\n{"a":2}\n');
  });

  it.runIf(process.platform === 'linux')('reports a full disk', async () => {
    const path = join(await makeTemporaryFolder(), 'answers.jsonl');
    await symlink('/dev/full', path);
    const writer = await openJsonLinesWriter(path);
    await expect(writer.append({ a: 1 })).rejects.toMatchObject({ code: 'disk-full', details: { file: path } });
    await writer.close();
  });

  it('reports a missing folder', async () => {
    const path = join(await makeTemporaryFolder(), 'missing', 'answers.jsonl');
    await expect(openJsonLinesWriter(path)).rejects.toMatchObject({ code: 'write-failed' });
  });
});
