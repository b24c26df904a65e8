/** The seven linear maps of a decoder block that adapters can be attached to, in the order of the forward pass. */
export const projections = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'] as const;

export type Projection = (typeof projections)[number];
