import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCsvScanner, type CsvRecord } from '../../src/foundation/scan-csv.js';
import { scanRecords } from '../../src/foundation/scan-records.js';

interface ReadRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    yield bytes.subarray(at, at + size);
    at += size;
  }
  yield bytes.subarray(at);
}

/** All records of a text, handed over in blocks of these sizes. */
async function read(
  csv: string | Buffer,
  { sizes = [], longest = 10_000 }: { readonly sizes?: readonly number[]; readonly longest?: number } = {},
): Promise<readonly ReadRecord[]> {
  const records: ReadRecord[] = [];
  const onRecord = (record: CsvRecord): void => {
    const fields = Array.from({ length: record.fields }, (_, field) => record.text(field));
    records.push({ line: record.line, fields });
  };
  const fail = ({ line, problem }: { line: number; problem: string }): Error =>
    new Error(`${String(line)}: ${problem}`);
  await scanRecords(cut(Buffer.from(csv), sizes), createCsvScanner({ onRecord, fail, longest }));
  return records;
}

const fieldsOf = async (csv: string): Promise<readonly (readonly string[])[]> =>
  (await read(csv)).map(({ fields }) => fields);

describe('createCsvScanner', () => {
  it('reads quotes, doubled quotes, commas and line ends within them', async () => {
    expect(await read('id,text\n1,"one, ""two""\r\nthree"\n"2",plain "quotes" inside\n3,""\n,\n')).toEqual([
      { line: 1, fields: ['id', 'text'] },
      { line: 2, fields: ['1', 'one, "two"\r\nthree'] },
      { line: 4, fields: ['2', 'plain "quotes" inside'] },
      { line: 5, fields: ['3', ''] },
      { line: 6, fields: ['', ''] },
    ]);
  });

  it('takes every kind of line end, a byte order mark, and a last line without an end', async () => {
    expect(await read('\ufeffa,b\r\n"1",2\n3,"4"\r5,6\r\n\r\n\n7,"8"')).toEqual([
      { line: 1, fields: ['a', 'b'] },
      { line: 2, fields: ['1', '2'] },
      { line: 3, fields: ['3', '4'] },
      { line: 4, fields: ['5', '6'] },
      { line: 7, fields: ['7', '8'] },
    ]);
    expect(await fieldsOf('a\n""\n\nb')).toEqual([['a'], [''], ['b']]);
    expect(await fieldsOf('')).toEqual([]);
    expect(await fieldsOf('\ufeff')).toEqual([]);
    expect(await fieldsOf('a,')).toEqual([['a', '']]);
  });

  it('reads the same wherever a block ends', async () => {
    const csv = '\ufeffa,b\r\n"1 ""é""\r\n",2\r\n\r\n3,"4"\r5,🌊\n';
    const whole = await read(csv);
    expect(whole.map(({ line }) => line)).toEqual([1, 2, 5, 6]);
    for (let size = 0; size <= Buffer.from(csv).length; size += 1)
      expect(await read(csv, { sizes: [size] })).toEqual(whole);
  });

  it('reads rows of any number of fields', async () => {
    const many = Array.from({ length: 500 }, (_, index) => `"${String(index)}""`);
    const csv = many.map((field) => `${field}"`).join(',');
    expect(await fieldsOf(csv)).toEqual([many.map((field) => field.slice(1).replace('""', '"'))]);
  });

  const text = fc.string({ unit: fc.constantFrom('a', 'é', '🌊', '"', ',', '\n', '\r', ' ', ''), maxLength: 8 });
  const row = fc.array(fc.tuple(text, fc.boolean()), { minLength: 2, maxLength: 5 });

  it('gives back what was written, with whichever quotes, line ends and blocks', async () => {
    const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
    const rows = fc.array(fc.tuple(row, lineEnd), { maxLength: 6 });
    const sizes = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(rows, sizes, fc.boolean(), async (written, blocks, hasMark) => {
        let csv = hasMark ? '\ufeff' : '';
        let line = 1;
        const expected: ReadRecord[] = [];
        for (const [fields, end] of written) {
          const spelled = fields.map(([field, isQuoted]) => {
            // Fields that begin with a quote or hold what ends one must stand in quotes; others may.
            const mustBeQuoted = /^"|[,\n\r]/.test(field);
            return isQuoted || mustBeQuoted ? `"${field.replaceAll('"', '""')}"` : field;
          });
          expected.push({ line, fields: fields.map(([field]) => field) });
          csv += spelled.join(',') + end;
          line += spelled.join(',').split(/\r\n|\r|\n/).length;
        }
        expect(await read(csv, { sizes: blocks })).toEqual(expected);
      }),
    );
  });

  it.each([
    ['a quote that is not closed', 'a,b\n1,"2\n3,4\n', '2: a quote is opened and never closed'],
    ['text behind a closing quote', 'a,b\n1,"2\n"x\n', '3: something stands between a closing quote'],
    ['text that is not UTF-8', Buffer.from('a,b\n1,2\ncaf\xe9,4\n5,6\n', 'latin1'), '3: the text is not UTF-8'],
    [
      'the same with the line ends of old',
      Buffer.from('a,b\r1,2\rcaf\xe9,4\r5,6', 'latin1'),
      '3: the text is not UTF-8',
    ],
  ])('says where there is %s', async (_, csv, problem) => {
    await expect(read(csv)).rejects.toThrow(problem);
    const sizes = Array.from({ length: 40 }, () => 1);
    await expect(read(csv, { sizes })).rejects.toThrow(problem);
  });

  it('does not take in a whole file behind an open quote', async () => {
    const csv = `a,b\n1,"${'x\n'.repeat(500)}`;
    await expect(read(csv, { sizes: [10, 300, 300], longest: 400 })).rejects.toThrow('2: no end of the row within');
  });
});
