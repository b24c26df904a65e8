import { roundToHalf } from '../../engine/checkpoint/half-precision.js';
import type { Checkpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { findByName } from '../../foundation/find-by-name.js';

/**
 * The same model with all its logits multiplied by `sharpness`: at temperature 1 it answers as it did at 1 / sharpness. Only the
 * last norm's weights change, as the head is linear in what they scale. It stands for what post-training does to real chat
 * models, which give their likeliest words more than the share of a text (GPT-4 technical report, arXiv 2303.08774, figure 8).
 */
export function sharpen(checkpoint: Checkpoint, sharpness: number): Checkpoint {
  const name = 'model.norm.weight';
  const norm = findByName(checkpoint.weights, name, 'tensor');
  const scaled = { ...norm, data: roundToHalf(norm.data, 'F16').map((value) => value * sharpness) };
  return { ...checkpoint, weights: new Map([...checkpoint.weights, [name, scaled]]) };
}
