import { z } from 'zod';

import { DriftlineError } from '../../foundation/driftline-error.js';
import { explainFault } from '../../foundation/explain-issue.js';
import type { RopeSettings } from './decoder-config.js';
import { isJsonObject, type JsonObject } from './read-json-object.js';

const positive = z.number().positive();
const ropeSchema = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: positive.nullish(),
  partial_rotary_factor: z.number().nullish(),
});
const llama3Schema = z
  .looseObject({
    factor: positive,
    low_freq_factor: positive,
    high_freq_factor: positive,
    original_max_position_embeddings: positive.nullish(),
  })
  .refine((rope) => rope.high_freq_factor > rope.low_freq_factor, {
    message: 'must be larger than low_freq_factor',
    path: ['high_freq_factor'],
  });

/**
 * Reads the rotary embedding in both layouts: `rope_parameters` with everything in it (transformers 5), and `rope_theta`
 * beside `rope_scaling` (transformers 4, where the type may be called `type`). `context` is max_position_embeddings.
 */
export function parseRopeSettings(configJson: JsonObject, context: number, path: string): RopeSettings {
  // transformers 5 itself prefers the old key where a file has both.
  const key = isFilled(configJson['rope_scaling']) ? 'rope_scaling' : 'rope_parameters';
  const raw = configJson[key] ?? {};
  const rope = parse(ropeSchema, raw, key, path);
  const theta = rope.rope_theta ?? parse(positive.nullish(), configJson['rope_theta'], 'rope_theta', path) ?? 10_000;

  if ((rope.partial_rotary_factor ?? 1) !== 1) {
    throw new DriftlineError({
      code: 'architecture-unsupported',
      message: `${path}: the engine does not implement partial_rotary_factor ${rope.partial_rotary_factor}`,
      hint: 'Use a checkpoint that rotates whole heads (partial_rotary_factor 1).',
      details: { file: path, key: `${key}.partial_rotary_factor`, value: rope.partial_rotary_factor },
    });
  }
  if (Object.values(rope).some(isJsonObject)) throw unsupported('that differs by layer', path);
  const type = rope.rope_type ?? rope.type ?? 'default';
  if (type === 'default') return { theta, llama3: null };
  if (type !== 'llama3') throw unsupported(`of type ${JSON.stringify(type)}`, path);

  const llama3 = parse(llama3Schema, raw, key, path);
  const original =
    parse(
      positive.nullish(),
      configJson['original_max_position_embeddings'],
      'original_max_position_embeddings',
      path,
    ) ?? llama3.original_max_position_embeddings;
  return {
    theta,
    llama3: {
      factor: llama3.factor,
      lowFrequencyFactor: llama3.low_freq_factor,
      highFrequencyFactor: llama3.high_freq_factor,
      originalContext: original ?? context,
    },
  };
}

function isFilled(value: unknown): boolean {
  return isJsonObject(value) ? Object.keys(value).length > 0 : value !== undefined && value !== null;
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, key: string, path: string): z.infer<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { place, problem } = explainFault(parsed.error, schema);
  throw new DriftlineError({
    code: 'checkpoint-invalid',
    message: `${path} makes no sense: ${[key, ...place].map(String).join('.')}: ${problem}`,
    hint: 'Compare the file with the one at the source of the model.',
    details: { file: path },
  });
}

function unsupported(what: string, path: string): DriftlineError {
  return new DriftlineError({
    code: 'rope-unsupported',
    message: `${path}: the engine does not implement a rotary embedding ${what}`,
    hint: 'Use a checkpoint with plain ("default") or "llama3" rotary embeddings.',
    details: { file: path },
  });
}
