/** Rows that have been seen, by 64-bit hashes of theirs: in one of 400,000 files of ten million rows, two would be taken for one. */
export interface RowSet {
  /** Adds bytes to the row that is being put together. */
  readonly update: (bytes: Uint8Array, start: number, end: number) => void;
  /** Ends the row. Whether an equal one was there; false as well where the set is full and would have to take it in. */
  readonly add: () => boolean;
  /** Whether it has taken in as many rows as it may, so that it knows only these. */
  readonly isFull: () => boolean;
}

const startSize = 2 ** 12;

/** A set of at most `most` rows, in about 16 to 32 bytes a row. */
export function createRowSet(most: number): RowSet {
  let table = new Uint32Array(2 * startSize);
  let rows = 0;
  let [left, right] = [0, 0];

  function begin(): void {
    [left, right] = [0x243f6a88, 0x85a308d3 | 0];
  }
  begin();

  /** MurmurHash3's steps, in two lanes with other constants; not meant to withstand those who want their rows mistaken. */
  function mix(word: number): void {
    const one = Math.imul(word, 0xcc9e2d51);
    left ^= Math.imul((one << 15) | (one >>> 17), 0x1b873593);
    left = (Math.imul((left << 13) | (left >>> 19), 5) + 0xe6546b64) | 0;
    const two = Math.imul(word, 0x85ebca6b);
    right ^= Math.imul((two << 16) | (two >>> 16), 0xc2b2ae35);
    right = (Math.imul((right << 11) | (right >>> 21), 9) + 0x38b34ae5) | 0;
  }

  /** The place of a hash in a table: where it is, or where it would go. */
  function find(high: number, low: number): number {
    const mask = table.length / 2 - 1;
    let place = low & mask;
    while (
      (table[2 * place] !== 0 || table[2 * place + 1] !== 0) &&
      (table[2 * place] !== high || table[2 * place + 1] !== low)
    )
      place = (place + 1) & mask;
    return place;
  }

  function grow(): void {
    const old = table;
    table = new Uint32Array(2 * old.length);
    for (let index = 0; index < old.length; index += 2) {
      const [high = 0, low = 0] = [old[index], old[index + 1]];
      if (high === 0 && low === 0) continue;
      const place = find(high, low);
      table[2 * place] = high;
      table[2 * place + 1] = low;
    }
  }

  return {
    update: (bytes, start, end) => {
      let at = start;
      for (; at + 4 <= end; at += 4)
        mix(
          (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24),
        );
      let word = 0;
      for (let shift = 0; at < end; at += 1, shift += 8) word |= (bytes[at] ?? 0) << shift;
      mix(word);
      // Where one piece ends and the next begins makes a difference, too.
      mix(end - start);
    },
    add: () => {
      const high = finish(left ^ right) || 1;
      const low = finish(right);
      begin();
      const place = find(high, low);
      if (table[2 * place] === high && table[2 * place + 1] === low) return true;
      if (rows === most) return false;
      table[2 * place] = high;
      table[2 * place + 1] = low;
      rows += 1;
      if (4 * rows > table.length) grow();
      return false;
    },
    isFull: () => rows === most,
  };
}

function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
