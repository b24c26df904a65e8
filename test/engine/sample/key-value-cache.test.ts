import fc from 'fast-check';
import { expect, it } from 'vitest';

import { KeyValueCache, type CachedPrefix } from '../../../src/engine/sample/key-value-cache.js';
import { errorOf } from '../checkpoint/error-of.js';
import { tinyConfig } from '../decoder/tiny-model.js';

const slots = 4;
const { layers, keyValueHeads, headWidth } = tinyConfig;

/** What a cache must hold: for each slot its tokens, each with one number that stands for all of its elements. */
type Reference = number[][];

type Change = (cache: KeyValueCache, reference: Reference) => void;

/** An element of a token's keys or values, different at every place. */
function element(token: number, kind: 'keys' | 'values', layer: number, group: number, channel: number): number {
  return (((token * 2 + Number(kind === 'values')) * layers + layer) * keyValueHeads + group) * headWidth + channel;
}

/** [groups, tokens, width] */
function rowsOf(tokens: readonly number[], kind: 'keys' | 'values', layer: number): Float32Array {
  const rows: number[] = [];
  for (let group = 0; group < keyValueHeads; group += 1)
    for (const token of tokens)
      for (let channel = 0; channel < headWidth; channel += 1) rows.push(element(token, kind, layer, group, channel));
  return Float32Array.from(rows);
}

function prefixOf(tokens: readonly number[]): CachedPrefix {
  const take = (kind: 'keys' | 'values'): Float32Array[] =>
    Array.from({ length: layers }, (_, layer) => rowsOf(tokens, kind, layer));
  return { tokens: tokens.length, keys: take('keys'), values: take('values') };
}

const slot = fc.nat(slots - 1);
const active = fc.integer({ min: 1, max: slots });
const token = fc.integer({ min: 1, max: 1000 });

const change: fc.Arbitrary<Change> = fc.oneof(
  fc
    .tuple(slot, fc.array(token, { minLength: 1, maxLength: 150 }))
    .map(([into, tokens]): Change => (cache, reference) => {
      cache.load(into, prefixOf(tokens));
      reference[into] = [...tokens];
    }),
  slot.map((into): Change => (cache, reference) => {
    cache.load(into, null);
    reference[into] = [];
  }),
  fc
    .tuple(active, fc.array(token, { minLength: slots, maxLength: slots }))
    .map(([used, tokens]): Change => (cache, reference) => {
      cache.reserve(Math.max(...reference.slice(0, used).map((row) => row.length)) + 1);
      for (let layer = 0; layer < layers; layer += 1) {
        const rows = (kind: 'keys' | 'values'): Float32Array =>
          Float32Array.from(tokens.slice(0, used).flatMap((id) => [...rowsOf([id], kind, layer)]));
        cache.append(used, layer, rows('keys'), rows('values'));
      }
      for (let row = 0; row < used; row += 1) {
        cache.lengths[row]! += 1;
        reference[row]!.push(tokens[row]!);
      }
    }),
  fc.tuple(slot, slot).map(([from, to]): Change => (cache, reference) => {
    cache.copy(from, to);
    reference[to] = [...reference[from]!];
  }),
  fc.integer({ min: 0, max: 300 }).map((tokens): Change => (cache) => {
    cache.reserve(tokens);
    expect(cache.past).toBeGreaterThanOrEqual(tokens);
  }),
  fc.constant<Change>((cache, reference) => {
    const longest = Math.max(...reference.map((row) => row.length));
    const before = cache.past;
    cache.shrink(longest);
    expect(cache.past).toBeGreaterThan(longest);
    expect(cache.past).toBeLessThanOrEqual(before);
    expect(cache.past % 16).toBe(0);
  }),
  fc.integer({ min: 0, max: 2 }).map((more): Change => (cache) => {
    cache.allow(cache.lengths.length + more, 1024);
  }),
);

it('holds what was put into it, whatever is loaded, appended, moved, reserved, cut off and added', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 25 }),
      active,
      fc.constantFrom(1, 40, 1024),
      (changes, used, expected) => {
        const cache = new KeyValueCache(tinyConfig, slots, 1024, expected);
        const reference: Reference = Array.from({ length: slots }, () => []);
        for (const apply of changes) apply(cache, reference);
        expect([...cache.lengths.subarray(0, slots)]).toEqual(reference.map((row) => row.length));
        expectFeeds(cache, reference, used);
      },
    ),
    { seed: 1, numRuns: 150 },
  );
});

it('grows by whole vectors, and only when it must', () => {
  const cache = new KeyValueCache(tinyConfig, slots, 1024);
  let before = cache.past;
  for (const tokens of [1, 31, 32, 33, 64, 65, 128, 129, 10, 300]) {
    cache.reserve(tokens);
    // The sum of a softmax keeps its order only if the room is a multiple of what the processor adds at once.
    expect(cache.past % 16).toBe(0);
    if (tokens <= before) expect(cache.past).toBe(before);
    else expect(cache.past).toBeLessThan(tokens + 64);
    before = cache.past;
  }
  expect(before).toBeGreaterThanOrEqual(300);
});

it('cuts off room only where half of it is empty', () => {
  const cache = new KeyValueCache(tinyConfig, slots, 1024);
  cache.reserve(256);
  const rooms = [128, 127, 126, 100, 64, 31, 0].map((tokens) => {
    cache.shrink(tokens);
    return cache.past;
  });
  expect(rooms).toEqual([256, 128, 128, 128, 128, 32, 32]);
});

it('allocates for the tokens that are expected, and doubles when there are more', () => {
  const bytesOf = (cache: KeyValueCache): number => cache.feeds(1)['past-keys:0']!.data.buffer.byteLength;
  const cache = new KeyValueCache(tinyConfig, slots, 1000, 100);
  const perToken = slots * keyValueHeads * headWidth * Float32Array.BYTES_PER_ELEMENT;
  const rooms = [1, 128, 129, 256, 257, 600, 1000].map((tokens) => {
    cache.reserve(tokens);
    return bytesOf(cache) / perToken;
  });
  expect(rooms).toEqual([128, 128, 256, 256, 512, 1024, 1024]);
});

it('says what to do when the memory does not suffice', async () => {
  const error = await errorOf(() => new KeyValueCache(tinyConfig, 1e12, 1024, 64));
  expect(error.code).toBe('engine-failed');
  expect(error.message).toContain('64 tokens');
  expect(error.hint).toContain('fewer slots');
  // The longest that may come is not allocated before it comes.
  const cache = new KeyValueCache(tinyConfig, slots, 1e15, 64);
  expect((await errorOf(() => cache.reserve(1e14))).hint).toContain('smaller maximumTokens');
});

/** The feeds of the first slots hold each slot's tokens in order. */
function expectFeeds(cache: KeyValueCache, reference: Reference, active: number): void {
  const feeds = cache.feeds(active);
  const { past } = cache;
  expect(Object.keys(feeds)).toHaveLength(2 * layers);
  for (const kind of ['keys', 'values'] as const) {
    for (let layer = 0; layer < layers; layer += 1) {
      const { shape, data } = feeds[`past-${kind}:${layer}`]!;
      expect(shape).toEqual([active, keyValueHeads, past, headWidth]);
      expect(data).toHaveLength(active * keyValueHeads * past * headWidth);
      for (let row = 0; row < active; row += 1) {
        const tokens = reference[row]!;
        const found: number[] = [];
        for (let group = 0; group < keyValueHeads; group += 1) {
          const start = (row * keyValueHeads + group) * past * headWidth;
          found.push(...Array.from(data.subarray(start, start + tokens.length * headWidth), Number));
        }
        expect(found).toEqual([...rowsOf(tokens, kind, layer)]);
      }
    }
  }
}
