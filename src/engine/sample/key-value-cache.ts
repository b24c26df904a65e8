import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FeedTensor } from '../runtime/compiled-graph.js';

/** Room for sequences grows by this many tokens, a multiple of the vector width, so that sums keep their order. */
const growth = 64;

/** Keys and values of one sequence's first tokens, to be copied into slots: one [groups, tokens, width] a layer. */
export interface CachedPrefix {
  readonly tokens: number;
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/**
 * Keys and values of the sequences in progress, [slots, groups, capacity, width] a layer. Active sequences occupy the first
 * slots without gaps, so that a run can be fed a prefix of each buffer without copying.
 */
export class KeyValueCache {
  private capacity = growth;
  private keys: Float32Array[];
  private values: Float32Array[];
  /** Tokens stored in each slot. */
  readonly lengths: Int32Array;

  constructor(
    private readonly config: DecoderConfig,
    private readonly slots: number,
  ) {
    this.keys = this.allocate();
    this.values = this.allocate();
    this.lengths = new Int32Array(slots);
  }

  /** Tokens that fit each slot now; what a run sees as `past`. */
  get past(): number {
    return this.capacity;
  }

  /** Makes room for sequences of this many tokens. */
  reserve(tokens: number): void {
    if (tokens <= this.capacity) return;
    const before = this.capacity;
    this.capacity = Math.ceil(tokens / growth) * growth;
    const { headWidth } = this.config;
    const enlarge = (buffer: Float32Array): Float32Array => {
      const larger = new Float32Array(this.slots * this.config.keyValueHeads * this.capacity * headWidth);
      for (let row = 0; row < this.slots * this.config.keyValueHeads; row += 1) {
        const start = row * before * headWidth;
        larger.set(buffer.subarray(start, start + before * headWidth), row * this.capacity * headWidth);
      }
      return larger;
    };
    this.keys = this.keys.map(enlarge);
    this.values = this.values.map(enlarge);
  }

  /** Starts a sequence in a slot with tokens that were computed before. */
  load(slot: number, prefix: CachedPrefix | null): void {
    this.lengths[slot] = prefix?.tokens ?? 0;
    if (prefix === null) return;
    this.reserve(prefix.tokens + 1);
    const { keyValueHeads, headWidth } = this.config;
    const size = prefix.tokens * headWidth;
    for (let layer = 0; layer < this.config.layers; layer += 1) {
      for (let group = 0; group < keyValueHeads; group += 1) {
        const place = this.offset(slot, group, 0);
        this.keys[layer]!.set(prefix.keys[layer]!.subarray(group * size, (group + 1) * size), place);
        this.values[layer]!.set(prefix.values[layer]!.subarray(group * size, (group + 1) * size), place);
      }
    }
  }

  /** Adds one token to each of the first `active` slots, from outputs of shape [rows, groups, 1, width]. */
  append(active: number, layer: number, newKeys: Float32Array, newValues: Float32Array): void {
    const { keyValueHeads, headWidth } = this.config;
    for (let slot = 0; slot < active; slot += 1) {
      for (let group = 0; group < keyValueHeads; group += 1) {
        const source = (slot * keyValueHeads + group) * headWidth;
        const place = this.offset(slot, group, this.lengths[slot]!);
        this.keys[layer]!.set(newKeys.subarray(source, source + headWidth), place);
        this.values[layer]!.set(newValues.subarray(source, source + headWidth), place);
      }
    }
  }

  /** Moves a sequence to another slot. */
  move(from: number, to: number): void {
    const { keyValueHeads, headWidth } = this.config;
    const size = keyValueHeads * this.capacity * headWidth;
    for (const buffer of [...this.keys, ...this.values]) buffer.copyWithin(to * size, from * size, (from + 1) * size);
    this.lengths[to] = this.lengths[from]!;
  }

  /** The first `active` slots as a run wants them. */
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

  private offset(slot: number, group: number, token: number): number {
    const { keyValueHeads, headWidth } = this.config;
    return ((slot * keyValueHeads + group) * this.capacity + token) * headWidth;
  }

  private allocate(): Float32Array[] {
    const { layers, keyValueHeads, headWidth } = this.config;
    return Array.from(
      { length: layers },
      () => new Float32Array(this.slots * keyValueHeads * this.capacity * headWidth),
    );
  }
}
