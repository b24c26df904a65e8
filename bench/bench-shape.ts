import type { DecoderConfig } from '../src/engine/checkpoint/decoder-config.js';

/** A model shape and the work that is timed on it. */
export interface BenchShape {
  readonly name: string;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headWidth: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly rank: number;
  /** Rows and tokens a row of one training step. */
  readonly batch: number;
  readonly length: number;
}

export const benchShapes: readonly BenchShape[] = [
  {
    name: 'S',
    layers: 6,
    width: 384,
    heads: 6,
    keyValueHeads: 6,
    headWidth: 64,
    feedForward: 1024,
    vocabulary: 8192,
    rank: 8,
    batch: 16,
    length: 64,
  },
  {
    name: 'M',
    layers: 30,
    width: 576,
    heads: 9,
    keyValueHeads: 3,
    headWidth: 64,
    feedForward: 1536,
    vocabulary: 49152,
    rank: 8,
    batch: 4,
    length: 128,
  },
  {
    name: '5M',
    layers: 6,
    width: 256,
    heads: 4,
    keyValueHeads: 4,
    headWidth: 64,
    feedForward: 704,
    vocabulary: 2048,
    rank: 8,
    batch: 32,
    length: 40,
  },
];

export function benchConfig(shape: BenchShape): DecoderConfig {
  return {
    family: 'llama',
    layers: shape.layers,
    width: shape.width,
    heads: shape.heads,
    keyValueHeads: shape.keyValueHeads,
    headWidth: shape.headWidth,
    feedForwardWidth: shape.feedForward,
    vocabulary: shape.vocabulary,
    normEpsilon: 1e-6,
    rope: { theta: 10_000, llama3: null },
    context: 2048,
    tiedHead: true,
    queryKeyValueBias: false,
    outputBias: false,
    feedForwardBias: false,
    queryKeyNorm: false,
    endTokenIds: [],
    beginTokenId: null,
    padTokenId: null,
  };
}
