import { createHash } from 'node:crypto';
import { DriftlineError } from './driftline-error.js';
import { philox, type PhiloxBlock } from './philox.js';

/** Enough to continue a stream where it was; plain JSON. */
interface RandomStreamState {
  readonly generator: 'philox4x32-10';
  /** The stream's identity: four words, of which two are the key and two the upper half of the counter. */
  readonly stream: readonly [number, number, number, number];
  /** How many 32-bit words have been drawn. */
  readonly position: number;
}

/** A seeded sequence of random numbers. Every method draws from the same sequence and moves it on. */
export interface RandomStream {
  /** Uniform over 0 .. 2^32 - 1; draws one word. */
  nextUint32(): number;
  /** Uniform over [0, 1) in steps of 2^-53; draws two words. */
  uniform(): number;
  /** Standard normal, by Box and Muller's cosine; draws four words. */
  normal(): number;
  /** Uniform over 0 .. below - 1 without bias, for below in 1 .. 2^32; draws one word, rarely more. */
  integer(below: number): number;
  /** A shuffled copy, every order equally likely (Fisher and Yates). */
  shuffle<Item>(items: readonly Item[]): Item[];
  save(): RandomStreamState;
}

/**
 * The stream of this seed and path, and of nothing else: not of the machine, nor of what was drawn from other streams.
 * Streams of different paths, say ('order', epoch) and ('answer', index), are independent: seed and path are hashed with
 * SHA-256 to the 64-bit key and the upper 64 bits of the counter of a Philox generator.
 */
export function createRandomStream(seed: number, ...path: readonly (string | number)[]): RandomStream {
  for (const part of [seed, ...path]) {
    if (typeof part === 'number' && !Number.isSafeInteger(part)) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `a random stream cannot be made from ${part}: its seed and the numbers of its path must be whole`,
        hint: `Give whole numbers between -${Number.MAX_SAFE_INTEGER} and ${Number.MAX_SAFE_INTEGER}.`,
      });
    }
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...path]))
    .digest();
  const word = (index: number) => digest.readUInt32LE(4 * index);
  return restoreRandomStream({
    generator: 'philox4x32-10',
    stream: [word(0), word(1), word(2), word(3)],
    position: 0,
  });
}

/** Continues a saved stream: it draws what the original would have drawn next. */
export function restoreRandomStream(state: RandomStreamState): RandomStream {
  const key = [state.stream[0], state.stream[1]] as const;
  let position = state.position;
  let block: PhiloxBlock = [0, 0, 0, 0];
  let loadedBlock = -1;

  function nextUint32(): number {
    const wantedBlock = Math.floor(position / 4);
    if (wantedBlock !== loadedBlock) {
      const counter: PhiloxBlock = [
        wantedBlock >>> 0,
        Math.floor(wantedBlock / 2 ** 32),
        state.stream[2],
        state.stream[3],
      ];
      block = philox(counter, key);
      loadedBlock = wantedBlock;
    }
    // The remainder is 0 .. 3, which the type of `%` cannot say.
    const word = block[(position % 4) as 0 | 1 | 2 | 3];
    position += 1;
    return word;
  }

  function uniform(): number {
    const high = nextUint32() >>> 5;
    const low = nextUint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  function normal(): number {
    // 1 - uniform() lies in (0, 1], so that the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  }

  function integer(below: number): number {
    if (!Number.isInteger(below) || below < 1 || below > 2 ** 32) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `a random integer below ${below} was asked for`,
        hint: 'Ask for a whole bound between 1 and 2^32.',
      });
    }
    // Words at or beyond the largest multiple of `below` would favour small remainders.
    const fair = 2 ** 32 - (2 ** 32 % below);
    let word = nextUint32();
    while (word >= fair) word = nextUint32();
    return word % below;
  }

  function shuffle<Item>(items: readonly Item[]): Item[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const chosen = integer(last + 1);
      // Both indices lie inside the array; the items themselves may be undefined.
      const item = shuffled[last] as Item;
      shuffled[last] = shuffled[chosen] as Item;
      shuffled[chosen] = item;
    }
    return shuffled;
  }

  return {
    nextUint32,
    uniform,
    normal,
    integer,
    shuffle,
    save: () => ({ generator: state.generator, stream: state.stream, position }),
  };
}
