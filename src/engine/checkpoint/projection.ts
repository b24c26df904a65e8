import type { DecoderConfig } from './decoder-config.js';

/** The seven linear maps of a decoder block that adapters can be attached to, in the order of the forward pass. */
export const projections = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;

export type Projection = (typeof projections)[number];

/** The block of a decoder layer that a projection belongs to, as Hugging Face names it. */
export function projectionBlock(projection: Projection): 'self_attn' | 'mlp' {
  return ['q_proj', 'k_proj', 'v_proj', 'o_proj'].includes(projection) ? 'self_attn' : 'mlp';
}

/** [outputs, inputs] of a projection's weight. */
export function projectionShape(config: DecoderConfig, projection: Projection): readonly [number, number] {
  const queries = config.heads * config.headWidth;
  const keys = config.keyValueHeads * config.headWidth;
  switch (projection) {
    case 'q_proj':
      return [queries, config.width];
    case 'k_proj':
    case 'v_proj':
      return [keys, config.width];
    case 'o_proj':
      return [config.width, queries];
    case 'gate_proj':
    case 'up_proj':
      return [config.feedForwardWidth, config.width];
    case 'down_proj':
      return [config.width, config.feedForwardWidth];
  }
}
