/** Numbers of records by their keys: about 13 bytes a key, whatever its length. */
export interface KeyIndex {
  /** The first number that was added for the key, as far as `isIt` says so of those that may be; -1 if there is none. */
  readonly find: (key: string, isIt: (number: number) => boolean) => number;
  /** Whether there is a key with the tag. */
  readonly hasTag: (tag: number) => boolean;
  /** Adds the next number, from 0, by the tag of its key. */
  readonly add: (tag: number) => void;
  /** Begins anew with the numbers of these tags: far quicker than one by one. */
  readonly load: (tags: Uint32Array) => void;
  readonly tagAt: (number: number) => number;
}

/** A 32-bit hash of a key. Two keys may have the same: whoever finds a record looks at its key. */
export function tagOf(key: string): number {
  return finish(hashOnto(begun, key));
}

/** The tags of keys that begin alike, by what follows: the beginning is hashed once. */
export function tagsAfter(beginning: string): (rest: string) => number {
  const hash = hashOnto(begun, beginning);
  return (rest) => finish(hashOnto(hash, rest));
}

const begun = 0x811c9dc5;

function hashOnto(before: number, text: string): number {
  let hash = before;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** Spreads keys that differ in their last digits alone. */
function finish(before: number): number {
  let hash = before;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const smallest = 1024;
/** Keys from which a table is filled part by part: in the order of its keys, each would wait for memory. */
const manyKeys = 2 ** 18;
/** Parts of a large table: each fits the processor's cache. */
const parts = 256;

/** A hash table with open addressing in typed arrays. */
export function createKeyIndex(): KeyIndex {
  let tags = new Uint32Array(smallest);
  let size = 0;
  /** Numbers from 1, where their tags lead or behind; 0 where there is none. */
  let slots = new Uint32Array(2 * smallest);
  /** Eight bits a slot, one set for each tag that leads there: one look at little memory tells most keys that are not there. */
  let seen = new Uint8Array(slots.length);

  function resize(length: number): void {
    slots = new Uint32Array(length);
    seen = new Uint8Array(length);
    if (size < manyKeys) for (let number = 0; number < size; number += 1) insert(tags[number] ?? 0, number);
    else insertInParts();
  }

  /** Keys of one part after those of another; those of one part in their order, so that the first of equal ones is found first. */
  function insertInParts(): void {
    const mask = slots.length - 1;
    const shift = Math.log2(slots.length / parts);
    const places = new Uint32Array(parts + 1);
    for (let number = 0; number < size; number += 1) {
      const after = (((tags[number] ?? 0) & mask) >>> shift) + 1;
      places[after] = (places[after] ?? 0) + 1;
    }
    for (let part = 1; part <= parts; part += 1) places[part] = (places[part] ?? 0) + (places[part - 1] ?? 0);
    const [sorted, numbers] = [new Uint32Array(size), new Uint32Array(size)];
    for (let number = 0; number < size; number += 1) {
      const tag = tags[number] ?? 0;
      const part = (tag & mask) >>> shift;
      const place = places[part] ?? 0;
      places[part] = place + 1;
      sorted[place] = tag;
      numbers[place] = number;
    }
    for (let place = 0; place < size; place += 1) insert(sorted[place] ?? 0, numbers[place] ?? 0);
  }

  function insert(tag: number, number: number): void {
    const mask = slots.length - 1;
    let slot = tag & mask;
    seen[slot] = (seen[slot] ?? 0) | (1 << (tag >>> 29));
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = number + 1;
  }

  function findTag(tag: number, isIt: (number: number) => boolean): number {
    const mask = slots.length - 1;
    if (((seen[tag & mask] ?? 0) & (1 << (tag >>> 29))) === 0) return -1;
    for (let slot = tag & mask; ; slot = (slot + 1) & mask) {
      const number = (slots[slot] ?? 0) - 1;
      if (number === -1 || (tags[number] === tag && isIt(number))) return number;
    }
  }

  return {
    find: (key, isIt) => findTag(tagOf(key), isIt),
    hasTag: (tag) => findTag(tag, () => true) !== -1,
    load: (given) => {
      tags = new Uint32Array(Math.max(smallest, Math.ceil(given.length * 1.2)));
      tags.set(given);
      size = given.length;
      let length = 2 * smallest;
      while (size * 4 > length * 3) length *= 2;
      resize(length);
    },
    add: (tag) => {
      if (size === tags.length) {
        const more = new Uint32Array(Math.ceil(tags.length * 1.5));
        more.set(tags);
        tags = more;
      }
      tags[size] = tag;
      size += 1;
      // Three of four slots are taken at most.
      if (size * 4 <= slots.length * 3) {
        insert(tag, size - 1);
        return;
      }
      resize(slots.length * 2);
    },
    tagAt: (number) => tags[number] ?? 0,
  };
}
