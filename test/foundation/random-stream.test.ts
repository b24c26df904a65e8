import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { philox } from '../../src/foundation/philox.js';
import { createRandomStream, restoreRandomStream, type RandomStream } from '../../src/foundation/random-stream.js';

function draw<Result>(count: number, next: () => Result): Result[] {
  return Array.from({ length: count }, next);
}

function drawMixed(random: RandomStream): unknown[] {
  return [random.nextUint32(), random.uniform(), random.normal(), random.integer(10), random.shuffle([1, 2, 3, 4])];
}

describe('createRandomStream', () => {
  it('counts blocks of Philox under the hash of seed and path', () => {
    const digest = createHash('sha256').update('[7,"order",3]').digest();
    const [key0, key1, counter2, counter3] = [0, 4, 8, 12].map((offset) => digest.readUInt32LE(offset));
    const key = [key0!, key1!] as const;
    const words = draw(8, createRandomStream(7, 'order', 3).nextUint32);
    expect(words.slice(0, 4)).toEqual(philox([0, 0, counter2!, counter3!], key));
    expect(words.slice(4)).toEqual(philox([1, 0, counter2!, counter3!], key));
  });

  it('never changes: stored runs must be repeatable by later versions', () => {
    const random = createRandomStream(0);
    expect(drawMixed(random)).toMatchInlineSnapshot(`
      [
        2170422832,
        0.45649530681268746,
        -1.5969256173204072,
        9,
        [
          1,
          2,
          4,
          3,
        ],
      ]
    `);
    expect(draw(3, createRandomStream(-5, 'answer', 12).nextUint32)).toMatchInlineSnapshot(`
      [
        2947836732,
        411411623,
        3392663958,
      ]
    `);
  });

  it('gives each seed and path its own stream', () => {
    const streams = [
      createRandomStream(1),
      createRandomStream(2),
      createRandomStream(1, 1),
      createRandomStream(1, '1'),
      createRandomStream(1, 'a', 'b'),
      createRandomStream(1, 'ab'),
      createRandomStream(1, 'a,b'),
    ];
    expect(new Set(streams.map((random) => random.nextUint32())).size).toBe(streams.length);
  });

  it.each([0.5, Number.NaN, 2 ** 53])('refuses %s as a seed and as a part of the path', (number) => {
    expect(() => createRandomStream(number)).toThrow(expect.objectContaining({ code: 'usage-invalid' }));
    expect(() => createRandomStream(0, 'epoch', number)).toThrow(expect.objectContaining({ code: 'usage-invalid' }));
  });
});

describe('restoreRandomStream', () => {
  it('continues where the stream was saved, after any number of draws and through JSON', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(20), (seed, draws) => {
        const random = createRandomStream(seed, 'saved');
        draw(draws, random.nextUint32);
        const restored = restoreRandomStream(JSON.parse(JSON.stringify(random.save())));
        expect(drawMixed(restored)).toEqual(drawMixed(random));
      }),
    );
  });

  it('carries into the second word of the counter', () => {
    const { stream } = createRandomStream(3).save();
    const random = restoreRandomStream({ generator: 'philox4x32-10', stream, position: 4 * 2 ** 32 });
    expect(draw(4, random.nextUint32)).toEqual(philox([0, 1, stream[2], stream[3]], [stream[0], stream[1]]));
  });
});

describe('uniform', () => {
  it('joins the upper 27 and 26 bits of two words', () => {
    const words = createRandomStream(4);
    const [first, second] = [words.nextUint32(), words.nextUint32()];
    expect(createRandomStream(4).uniform()).toBe(
      (Math.floor(first / 32) * 2 ** 26 + Math.floor(second / 64)) / 2 ** 53,
    );
  });

  it('has the mean 1/2 and the variance 1/12', () => {
    const count = 100_000;
    const numbers = draw(count, createRandomStream(5).uniform);
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    const { mean, variance } = moments(numbers);
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * Math.sqrt(1 / 12 / count));
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.001);
  });
});

describe('normal', () => {
  it('has the mean, the variance and the tails of the standard normal', () => {
    const count = 100_000;
    const numbers = draw(count, createRandomStream(6).normal);
    const { mean, variance } = moments(numbers);
    expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(count));
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
    const beyond = (bound: number) => numbers.filter((number) => Math.abs(number) > bound).length / count;
    expect(beyond(1)).toBeCloseTo(0.3173, 2);
    expect(beyond(2)).toBeCloseTo(0.0455, 2);
    expect(Math.abs(beyond(3) - 0.0027)).toBeLessThan(0.0007);
  });
});

describe('integer', () => {
  it('stays in its range', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, below) => {
        const number = createRandomStream(seed).integer(below);
        expect(Number.isInteger(number) && number >= 0 && number < below).toBe(true);
      }),
    );
  });

  it('is uniform where the words do not divide evenly', () => {
    // Without rejection the first third of this range would be drawn as often as the other two together.
    const below = 3 * 2 ** 30;
    const random = createRandomStream(8);
    const low = draw(30_000, () => random.integer(below)).filter((number) => number < 2 ** 30).length;
    expect(Math.abs(low / 30_000 - 1 / 3)).toBeLessThan(0.012);
  });

  it.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('refuses the bound %s', (below) => {
    expect(() => createRandomStream(0).integer(below)).toThrow(expect.objectContaining({ code: 'usage-invalid' }));
  });
});

describe('shuffle', () => {
  it('leaves the array as it is and returns the same items', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.integer()), (seed, items) => {
        const before = [...items];
        const shuffled = createRandomStream(seed).shuffle(items);
        expect(items).toEqual(before);
        expect(shuffled.toSorted((a, b) => a - b)).toEqual(before.toSorted((a, b) => a - b));
      }),
    );
  });

  it('gives every order of three items equally often', () => {
    const random = createRandomStream(9);
    const orders = new Map<string, number>();
    for (const order of draw(12_000, () => random.shuffle(['a', 'b', 'c']).join(''))) {
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect([...orders.keys()].toSorted()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
    for (const times of orders.values()) expect(Math.abs(times - 2000)).toBeLessThan(170);
  });
});

function moments(numbers: readonly number[]): { mean: number; variance: number } {
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const variance = numbers.reduce((sum, number) => sum + (number - mean) ** 2, 0) / numbers.length;
  return { mean, variance };
}
