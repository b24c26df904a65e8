import { DriftlineError } from '../../foundation/driftline-error.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FeedTensor } from '../runtime/compiled-graph.js';

/** Room for sequences grows by this many tokens, a multiple of the vector width, so that sums keep their order. */
const growth = 32;

/** Keys and values of one sequence's first tokens, to be copied into slots: one [groups, tokens, width] per layer. */
export interface CachedPrefix {
  readonly tokens: number;
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/**
 * Keys and values of the sequences in progress, [slots, groups, capacity, width] per layer. Active sequences occupy the
 * first slots without gaps, so that a run can be fed a prefix of each buffer without copying.
 */
export class KeyValueCache {
  private capacity = growth;
  /** Tokens that fit each slot before the buffers have to be replaced. */
  private room: number;
  private readonly keys: Float32Array[];
  private readonly values: Float32Array[];
  /** Tokens stored in each slot. */
  lengths: Int32Array;

  /**
   * @param longest tokens of the longest sequence that may ever be stored
   * @param expected tokens to allocate at first; longer sequences replace the buffers by doubled ones
   */
  constructor(
    private readonly config: DecoderConfig,
    private slots: number,
    private longest: number,
    expected = longest,
  ) {
    this.room = roundUp(Math.min(expected, longest));
    this.keys = Array.from({ length: config.layers }, () => this.allocate(this.room));
    this.values = Array.from({ length: config.layers }, () => this.allocate(this.room));
    this.lengths = new Int32Array(slots);
  }

  /** Tokens that fit each slot now; what a run sees as `past`. */
  get past(): number {
    return this.capacity;
  }

  /** Makes room for sequences of this many tokens. */
  reserve(tokens: number): void {
    if (tokens <= this.capacity) return;
    if (tokens > this.longest)
      throw new RangeError(`a cache for ${String(this.longest)} tokens cannot hold ${String(tokens)}`);
    const before = this.capacity * this.config.headWidth;
    this.capacity = roundUp(tokens);
    const after = this.capacity * this.config.headWidth;
    const rows = this.slots * this.config.keyValueHeads;
    if (this.capacity <= this.room) {
      // Untouched memory costs nothing, and moving rows within a buffer costs less than a new buffer.
      for (const buffer of [...this.keys, ...this.values]) {
        // Last row first, so that no row is overwritten before it has moved.
        for (let row = rows - 1; row > 0; row -= 1) buffer.copyWithin(row * after, row * before, (row + 1) * before);
      }
      return;
    }
    this.room = Math.max(this.capacity, Math.min(2 * this.room, roundUp(this.longest)));
    // One buffer at a time, so that there is never more than one extra buffer.
    for (const buffers of [this.keys, this.values]) {
      for (const [layer, old] of buffers.entries()) {
        const buffer = this.allocate(this.room);
        for (let row = 0; row < rows; row += 1) buffer.set(old.subarray(row * before, (row + 1) * before), row * after);
        buffers[layer] = buffer;
      }
    }
  }

  /** Makes room for more slots and for longer sequences; stored tokens stay. */
  allow(slots: number, longest: number): void {
    this.longest = Math.max(this.longest, longest);
    if (slots <= this.slots) return;
    const before = this.slots * this.config.keyValueHeads * this.capacity * this.config.headWidth;
    this.slots = slots;
    for (const buffers of [this.keys, this.values]) {
      for (const [layer, old] of buffers.entries()) {
        const buffer = this.allocate(this.room);
        buffer.set(old.subarray(0, before));
        buffers[layer] = buffer;
      }
    }
    const lengths = new Int32Array(slots);
    lengths.set(this.lengths);
    this.lengths = lengths;
  }

  /**
   * Reduces the capacity if sequences of up to this many tokens leave more than half of it empty: every run reads all
   * of it.
   */
  shrink(tokens: number): void {
    const capacity = roundUp(tokens + 1);
    if (2 * capacity > this.capacity) return;
    const before = this.capacity * this.config.headWidth;
    const after = capacity * this.config.headWidth;
    const rows = this.slots * this.config.keyValueHeads;
    // First row first, as rows move towards the beginning.
    for (const buffer of [...this.keys, ...this.values])
      for (let row = 1; row < rows; row += 1) buffer.copyWithin(row * after, row * before, row * before + after);
    this.capacity = capacity;
  }

  private allocate(tokens: number): Float32Array {
    const { layers, keyValueHeads, headWidth } = this.config;
    const size = this.slots * keyValueHeads * tokens * headWidth;
    try {
      return new Float32Array(size);
    } catch (cause) {
      const gibibytes = (2 * layers * size * Float32Array.BYTES_PER_ELEMENT) / 2 ** 30;
      throw new DriftlineError({
        code: 'engine-failed',
        message: `There is no memory for the keys and values of ${String(this.slots)} sequences of ${String(tokens)} tokens: ${gibibytes.toFixed(1)} GiB`,
        hint: 'Use fewer slots or a smaller maximumTokens.',
        cause,
      });
    }
  }

  /** Starts a sequence in a slot with tokens that were computed before. */
  load(slot: number, prefix: CachedPrefix | null): void {
    this.lengths[slot] = prefix?.tokens ?? 0;
    if (prefix === null) return;
    this.reserve(prefix.tokens + 1);
    for (let layer = 0; layer < this.config.layers; layer += 1) {
      this.store(this.keys[layer]!, slot, 0, prefix.keys[layer]!, 0, prefix.tokens);
      this.store(this.values[layer]!, slot, 0, prefix.values[layer]!, 0, prefix.tokens);
    }
  }

  /** Puts one token after the stored ones of each of the first `active` slots, from [rows, groups, 1, width]. */
  append(active: number, layer: number, newKeys: Float32Array, newValues: Float32Array): void {
    const size = this.config.keyValueHeads * this.config.headWidth;
    for (let slot = 0; slot < active; slot += 1) {
      this.store(this.keys[layer]!, slot, this.lengths[slot]!, newKeys, slot * size, 1);
      this.store(this.values[layer]!, slot, this.lengths[slot]!, newValues, slot * size, 1);
    }
  }

  /** Copies a sequence into another slot. */
  copy(from: number, to: number): void {
    const { keyValueHeads, headWidth } = this.config;
    const size = keyValueHeads * this.capacity * headWidth;
    for (const buffer of [...this.keys, ...this.values]) buffer.copyWithin(to * size, from * size, (from + 1) * size);
    this.lengths[to] = this.lengths[from]!;
  }

  /** The first `active` slots, as the feeds of a run. */
  feeds(active: number): Record<string, FeedTensor> {
    const { layers, keyValueHeads, headWidth } = this.config;
    const shape = [active, keyValueHeads, this.capacity, headWidth];
    const size = active * keyValueHeads * this.capacity * headWidth;
    const feeds: Record<string, FeedTensor> = {};
    for (let layer = 0; layer < layers; layer += 1) {
      feeds[`past-keys:${String(layer)}`] = { shape, data: this.keys[layer]!.subarray(0, size) };
      feeds[`past-values:${String(layer)}`] = { shape, data: this.values[layer]!.subarray(0, size) };
    }
    return feeds;
  }

  /** Copies [groups, tokens, width] from `source`, beginning at `start`, into a slot, beginning at `token`. */
  private store(
    target: Float32Array,
    slot: number,
    token: number,
    source: Float32Array,
    start: number,
    tokens: number,
  ): void {
    const { keyValueHeads, headWidth } = this.config;
    const size = tokens * headWidth;
    for (let group = 0; group < keyValueHeads; group += 1) {
      const from = start + group * size;
      const to = ((slot * keyValueHeads + group) * this.capacity + token) * headWidth;
      // Rows of one token are too short for `set` to pay.
      for (let i = 0; i < size; i += 1) target[to + i] = source[from + i]!;
    }
  }
}

function roundUp(tokens: number): number {
  return Math.max(1, Math.ceil(tokens / growth)) * growth;
}
