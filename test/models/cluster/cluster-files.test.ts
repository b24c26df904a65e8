import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/foundation/clock.js';
import { canonicalJson, hashJson } from '../../../src/foundation/content-hash.js';
import { packClosedLines, readCheckedLine, writeCheckedLine } from '../../../src/models/cluster/checked-lines.js';
import { laneJobId, parseProgress, readLaneGeneration } from '../../../src/models/cluster/job-ids.js';
import { rayFilesSchema } from '../../../src/models/cluster/ray-answers.js';
import { readAnswerSegment, readSegmentNumber, segmentName } from '../../../src/models/cluster/read-answer-segments.js';
import { createRequestBudget } from '../../../src/models/cluster/request-budget.js';
import { joinSeeds } from '../../../src/models/cluster/request-group.js';
import { createZip, readZip } from '../../../src/models/cluster/zip-archive.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';

const fixtures = fileURLToPath(new URL('../../fixtures/cluster/', import.meta.url));
const readFixture = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(fixtures, name), 'utf8'));

describe('canonical JSON', () => {
  it('is what the jobs make of the same values', async () => {
    const vectors = (await readFixture('canonical-json.json')) as { json: string; canonical: string; hash: string }[];
    for (const { json, canonical, hash } of vectors) {
      expect(canonicalJson(JSON.parse(json))).toBe(canonical);
      expect(hashJson(JSON.parse(json))).toBe(hash);
    }
  });
});

describe('lines with a check', () => {
  it('are read as they were written, and not where anything was changed', () => {
    const line = writeCheckedLine({ b: 'é', a: [1, null] });
    expect(line.endsWith('\n')).toBe(true);
    expect(readCheckedLine(line)).toEqual({ a: [1, null], b: 'é' });
    expect(readCheckedLine(line.replace('é', 'e'))).toBeNull();
    expect(readCheckedLine(line.slice(0, 10))).toBeNull();
    expect(readCheckedLine('null')).toBeNull();
    expect(readCheckedLine('{"a":1}')).toBeNull();
  });

  it('end with their number', () => {
    const lines = gunzipSync(packClosedLines([{ a: 1 }, { a: 2 }]))
      .toString()
      .trim()
      .split('\n');
    expect(lines.map((line) => readCheckedLine(line))).toEqual([{ a: 1 }, { a: 2 }, { lines: 2 }]);
  });
});

describe('a file of answers', () => {
  const line = (seed: number) => writeCheckedLine({ q: 'q', seed, text: 't', finish: 'stop', tokens: 1 });

  it('counts whole lines whose check is right, each key once', () => {
    const bytes = Buffer.from(`${line(0)}${line(1).replace('"t"', '"x"')}${line(0)}${line(2)}${line(3).slice(0, 20)}`);
    const { answers, damaged, lines } = readAnswerSegment(bytes);
    expect(answers.map(({ seed }) => seed)).toEqual([0, 2]);
    expect(damaged).toEqual([2]);
    expect(lines).toBe(4);
    expect(readAnswerSegment(new Uint8Array())).toEqual({ answers: [], damaged: [], lines: 0 });
  });

  it('is called by its number', () => {
    expect([0, 12, 123_456].map(segmentName).map(readSegmentNumber)).toEqual([0, 12, 123_456]);
    expect(readSegmentNumber('answers-1.jsonl')).toBeNull();
  });
});

describe('names', () => {
  it('of progress say how far a cell or a lane is', () => {
    expect(parseProgress('x/t-0a1b@0120@1.2345')).toMatchObject({
      kind: 'train',
      name: '0a1b',
      count: 120,
      loss: 1.2345,
    });
    expect(parseProgress('s-0a1b-0@5000')).toMatchObject({
      kind: 'lane',
      name: '0a1b-0',
      state: 'running',
      count: 5000,
    });
    expect(parseProgress('t-0a1b@done')).toMatchObject({ state: 'done' });
    expect(parseProgress('t-0a1b@0003@nan')).toMatchObject({ count: 3, loss: NaN });
    expect(parseProgress('i-0a1b@done')).toMatchObject({ kind: 'inside', state: 'done' });
    for (const other of ['t-0a1b', 'u-0a1b@done', 't-0a1b@x', 't-0a1b@done.part'])
      expect(parseProgress(other)).toBeNull();
  });

  it('of jobs of a lane have a generation', () => {
    expect(readLaneGeneration(laneJobId('r', 'l', 12), 'r', 'l')).toBe(12);
    for (const other of ['driftline-s-r-l-', 'driftline-s-r-k-1', 'driftline-s-r-l-1x'])
      expect(readLaneGeneration(other, 'r', 'l')).toBeNull();
  });
});

it('files that Ray lists by kinds are one list', () => {
  const answer = { data: { result: { internal: ['a', 'b'], agent: ['c'] } } };
  expect(rayFilesSchema.parse(answer)).toEqual(['a', 'b', 'c']);
  expect(rayFilesSchema.parse({ data: { result: {} } })).toEqual([]);
});

it('seeds that follow each other are ranges', () => {
  expect(joinSeeds([3, 1, 2, 7, 9, 8])).toEqual([
    [1, 3],
    [7, 3],
  ]);
});

describe('an archive', () => {
  const files = new Map([
    ['b/x.safetensors', Buffer.from([1, 2, 3])],
    ['a.json', Buffer.from('{"a":1}'.repeat(100))],
  ]);

  it('comes back as it was, and equal files make equal bytes', () => {
    const zip = createZip(files);
    expect(new Map([...readZip(zip, 'it')].map(([name, bytes]) => [name, Buffer.from(bytes)]))).toEqual(files);
    expect(Buffer.compare(createZip(new Map([...files].reverse())), zip)).toBe(0);
  });

  it.each(['../x', '/x', 'a/../../x', 'a\\b', 'c:x', './x'])(
    'with a name that leads out of it is refused: %s',
    async (name) => {
      const bytes = zipSync({ [name]: Buffer.from('x') });
      const error = await errorOf(() => readZip(bytes, 'it'));
      expect(error.code).toBe('cluster-answers-damaged');
      expect((await errorOf(() => createZip(new Map([[name, new Uint8Array()]])))).code).toBe(
        'cluster-answers-damaged',
      );
    },
  );

  it('that is larger than allowed, or no archive, is refused', async () => {
    const bomb = zipSync({ a: Buffer.alloc(1_000_000) });
    expect((await errorOf(() => readZip(bomb, 'it', 1000))).message).toContain('more than 1000 bytes');
    const lying = Buffer.from(bomb);
    // The size in the directory at the end, which is what is gone by.
    lying.writeUInt32LE(10, lying.length - 22 - (46 + 1) + 24);
    expect(readZip(lying, 'it', 1000).get('a')).toHaveLength(10);
    expect((await errorOf(() => readZip(Buffer.from('nothing'), 'it'))).code).toBe('cluster-answers-damaged');
    expect((await errorOf(() => readZip(bomb.subarray(0, 40), 'it'))).code).toBe('cluster-answers-damaged');
  });
});

/** A clock that stands still until it is turned to its next timer. */
function createTurnedClock(): { readonly clock: Clock; readonly turn: () => Promise<void> } {
  let now = 0;
  const timers: { readonly at: number; readonly call: () => void }[] = [];
  return {
    clock: {
      now: () => now,
      date: () => now,
      after: (milliseconds, call) => {
        const timer = { at: now + milliseconds, call };
        timers.push(timer);
        timers.sort((left, right) => left.at - right.at);
        return () => {
          timers.splice(timers.indexOf(timer), 1);
        };
      },
    },
    turn: async () => {
      const next = timers.shift();
      if (next === undefined) return;
      now = next.at;
      next.call();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

it('a budget lets a burst pass, then so many a second, the urgent first', async () => {
  const { clock, turn } = createTurnedClock();
  const budget = createRequestBudget({ clock, jobs: () => 200 });
  for (let taken = 0; taken < 20; taken += 1) await budget.take('progress');
  const order: string[] = [];
  const waiting = (['progress', 'answers', 'done'] as const).map((purpose) =>
    budget.take(purpose).then(() => order.push(purpose)),
  );
  const stop = new AbortController();
  const stopped = budget.take('done', stop.signal);
  stop.abort(new Error('enough'));
  await expect(stopped).rejects.toThrow('enough');
  for (let step = 0; step < 10 && order.length < 3; step += 1) await turn();
  await Promise.all(waiting);
  expect(order).toEqual(['done', 'answers', 'progress']);
  // Two a second for 200 jobs: three of them take 1.5 s.
  expect(clock.now()).toBeGreaterThan(1400);
  expect(clock.now()).toBeLessThan(1600);
});

it('reads logs of steps together, and less often where more jobs are followed', async () => {
  for (const [jobs, pause] of [
    [1, 500],
    [100, 1000],
    [1000, 2000],
  ] as const) {
    const { clock, turn } = createTurnedClock();
    const budget = createRequestBudget({ clock, jobs: () => jobs });
    const read: number[] = [];
    const waiting = Array.from({ length: 30 }, () => budget.take('logs').then(() => read.push(clock.now())));
    await new Promise((resolve) => setImmediate(resolve));
    for (let step = 0; step < 60 && read.length < 30; step += 1) await turn();
    await Promise.all(waiting);
    for (const [place, time] of read.entries())
      expect(Math.abs(time - Math.floor(place / 10) * 10 * pause)).toBeLessThan(0.02 * 10 * pause);
  }
});

it('what is urgent does not wait for the pause of logs', async () => {
  const { clock, turn } = createTurnedClock();
  const budget = createRequestBudget({ clock, jobs: () => 1000 });
  const logs = Array.from({ length: 12 }, () => budget.take('logs'));
  const urgent = Array.from({ length: 15 }, () => budget.take('done'));
  for (let step = 0; step < 5; step += 1) await turn();
  await Promise.all(urgent);
  // Five more than the burst of twenty, at ten a second.
  expect(clock.now()).toBeLessThan(700);
  for (let step = 0; step < 10; step += 1) await turn();
  await Promise.all(logs);
});
