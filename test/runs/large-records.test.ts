import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openStoredRunFolder } from '../../src/runs/run-folder.js';
import type { AnswerRecord } from '../../src/runs/run-records.js';
import { isAnswered, writeAnsweredMark } from '../../src/runs/answered-mark.js';
import { openRecordFile } from '../../src/runs/record-file.js';
import { locateIndex } from '../../src/runs/record-index.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

interface Line {
  readonly key: string;
  readonly input: string;
  readonly text: string;
}
const schema: z.ZodType<Line> = z.strictObject({ key: z.string(), input: z.string(), text: z.string() });
const kind = { schema, keyOf: ({ key }: Line) => key, inputOf: ({ input }: Line) => input };
const line = (number: number): Line => ({
  ...{ key: `m/main/q/${String(number)}`, input: `input ${String(number)}`, text: `Text ${String(number)} ä` },
});
const lines = (count: number, first = 0): Line[] => Array.from({ length: count }, (_, index) => line(first + index));
const makeFile = async (): Promise<string> => join(await makeTemporaryFolder(), 'answers.jsonl');
/** Ten records are held, all others are on disk alone. */
const open = (file: string, spoilt: number[] = []) =>
  openRecordFile(file, kind, { mostInMemory: 10, onSpoilt: (found) => spoilt.push(...found) });

async function write(file: string, count: number): Promise<void> {
  const records = await open(file);
  for (let first = 0; first < count; first += 7) await records.append(lines(Math.min(7, count - first), first));
  await records.close();
}

describe('a large file of records', () => {
  it('is put in order whole while others read it', async () => {
    const file = await makeFile();
    const records = await open(file);
    // More than one piece of the copy, and than one block of each read.
    const all = lines(3000).map((one) => ({ ...one, text: one.text.repeat(60) }));
    await records.append(all);
    const reversed = all.toReversed();
    const state = { isDone: false };
    const arranging = records.arrange(reversed.map(({ key }) => key)).finally(() => (state.isDone = true));
    for (let number = 0; !state.isDone; number = (number + 701) % all.length) {
      expect(records.records.get(line(number).key)).toEqual(all[number]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await arranging;
    await records.close();
    const written = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(written.map((one) => (JSON.parse(one) as Line).text)).toEqual(reversed.map(({ text }) => text));
  });

  it('has the bytes of one that is held in memory, in the same order, whatever is done with it', async () => {
    const [large, small] = [await makeFile(), await makeFile()];
    for (const [file, mostInMemory] of [
      [large, 10],
      [small, 1000],
    ] as const) {
      const records = await openRecordFile(file, kind, { mostInMemory });
      await records.append(lines(60));
      await records.drop([line(3).key, line(59).key, 'never']);
      await records.append([line(59), line(60)]);
      await records.arrange(
        lines(50)
          .reverse()
          .map(({ key }) => key),
      );
      await records.append([line(3)]);
      expect(records.records.isLarge()).toBe(file === large);
      await records.close();
    }
    expect(await readFile(large, 'utf8')).toBe(await readFile(small, 'utf8'));
  });

  it('finds records by key and by input, and goes through them, also when it is closed', async () => {
    const file = await makeFile();
    await write(file, 100);
    const records = await open(file);
    const { records: table } = records;
    for (const close of [false, true]) {
      if (close) await records.close();
      expect(table.size).toBe(100);
      expect(table.get(line(42).key)).toEqual(line(42));
      expect(table.findByInput('input 99')).toEqual(line(99));
      expect([table.has('m/main/q/100'), table.findByInput('input 100')]).toEqual([false, undefined]);
      expect([...table.values()]).toEqual(lines(100));
    }
  });

  it('takes appends that come together, and refuses the one that has a key again', async () => {
    const file = await makeFile();
    const records = await open(file);
    const all = await Promise.allSettled([
      records.append(lines(20)),
      records.append([line(20), line(5)]),
      records.append(lines(5, 21)),
    ]);
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect([...records.records.keys()]).toEqual([...lines(20), ...lines(5, 21)].map(({ key }) => key));
    await records.close();
  });

  it('is not read again when it is opened, but for what was appended after its index', async () => {
    const file = await makeFile();
    await write(file, 100);
    const first = await open(file);
    const generation = first.generation();
    // As a kill leaves it: the index is open, and lacks the last lines.
    await first.append(lines(30, 100));
    const again = await open(file);
    expect(again.generation()).toBe(generation);
    expect([...again.records.values()]).toEqual(lines(130));
    await again.close();
    await first.close();
  });

  it('reads all of a file that was edited, and does not trust what it once knew of it', async () => {
    const file = await makeFile();
    await write(file, 100);
    const before = await open(file);
    const generation = before.generation();
    await before.close();
    // Of the same length, in the middle.
    await writeFile(file, (await readFile(file, 'utf8')).replace('Text 50', 'Test 50'));
    const spoilt: number[] = [];
    const records = await open(file, spoilt);
    expect(spoilt).toEqual([51]);
    expect(records.records.has(line(50).key)).toBe(false);
    expect(records.generation()).not.toBe(generation);
    await records.append([line(50)]);
    await records.close();
  });

  it('does without its index, and without one that is another file’s', async () => {
    const [file, other] = [await makeFile(), await makeFile()];
    await write(file, 100);
    await write(other, 50);
    await writeFile(locateIndex(file), await readFile(locateIndex(other)));
    const records = await open(file);
    expect([...records.records.values()]).toEqual(lines(100));
    await records.close();
    await writeFile(locateIndex(file), 'no index');
    await appendFile(file, 'half a li');
    const again = await open(file);
    expect(again.records.size).toBe(100);
    await again.close();
  });

  it('does not find a record whose line was changed after a kill, before it was opened again', async () => {
    const file = await makeFile();
    await write(file, 400);
    // As a kill leaves it: of the file's date nothing is known.
    const killed = await open(file);
    await writeFile(file, (await readFile(file, 'utf8')).replace('Text 70', 'Test 70'));
    const records = await open(file);
    expect(records.records.get(line(70).key)).toBeUndefined();
    expect(records.records.get(line(71).key)).toEqual(line(71));
    expect([...records.records.keys()]).toHaveLength(399);
    // Its place is free for another.
    await records.append([line(70)]);
    expect(records.records.get(line(70).key)).toEqual(line(70));
    await records.close();
    await killed.close();
  });
});

it('a large run without judgements has a generation for what nobody judges', async () => {
  const place = await makeTemporaryFolder();
  const folder = await openStoredRunFolder(place, { onNotice: () => undefined, mostInMemory: 2 });
  const answers = Array.from({ length: 3 }, (_, index): AnswerRecord => {
    const where = { cell: 'm.base', evaluation: 'e', question: 'q', paraphrase: 0, variant: 'plain', index };
    const text = { seed: index, input: String(index), text: '', finish_reason: 'stop', tokens: 1 } as const;
    return { key: `m.base/e/q:0/${String(index)}`, ...where, ...text, first: [['Yes', 1]] };
  });
  await folder.answers.append(answers);
  expect(folder.generation(true)).toBeNull();
  expect(folder.generation(false)).toEqual(expect.any(String));
  await folder.close();
});

it('a mark of an answered cell holds for what was asked, and until records were lost', async () => {
  const folder = await makeTemporaryFolder();
  const mark = { asked: 'a', generation: 'g' };
  expect(await isAnswered(folder, mark)).toBe(false);
  await writeAnsweredMark(folder, mark);
  expect(await isAnswered(folder, mark)).toBe(true);
  const base = join(folder, 'cells', 'base');
  await writeAnsweredMark(base, mark);
  expect(await isAnswered(base, mark)).toBe(true);
  expect(await isAnswered(folder, { ...mark, asked: 'b' })).toBe(false);
  expect(await isAnswered(folder, { ...mark, generation: 'h' })).toBe(false);
});
