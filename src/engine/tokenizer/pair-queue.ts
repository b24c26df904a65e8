/** A pair of pieces, with the count that it had when it was queued. */
export interface CountedPair {
  readonly left: number;
  readonly right: number;
  readonly count: number;
}

/** A binary heap: the pair that `precedes` all others comes out first. */
export class PairQueue {
  readonly #pairs: CountedPair[] = [];
  readonly #precedes: (first: CountedPair, second: CountedPair) => boolean;

  constructor(precedes: (first: CountedPair, second: CountedPair) => boolean) {
    this.#precedes = precedes;
  }

  push(pair: CountedPair): void {
    const pairs = this.#pairs;
    let place = pairs.length;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#precedes(pair, pairs[parent]!)) break;
      pairs[place] = pairs[parent]!;
      place = parent;
    }
    pairs[place] = pair;
  }

  pop(): CountedPair | undefined {
    const pairs = this.#pairs;
    const first = pairs[0];
    const last = pairs.pop();
    if (last === undefined || pairs.length === 0) return first;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= pairs.length) break;
      if (child + 1 < pairs.length && this.#precedes(pairs[child + 1]!, pairs[child]!)) child += 1;
      if (!this.#precedes(pairs[child]!, last)) break;
      pairs[place] = pairs[child]!;
      place = child;
    }
    pairs[place] = last;
    return first;
  }
}
