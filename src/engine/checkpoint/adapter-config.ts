import { z } from 'zod';

import { DriftlineError } from '../../foundation/driftline-error.js';
import { describeFirstProblem } from '../../foundation/explain-issue.js';
import type { ModuleSelection } from './module-selection.js';
import type { JsonObject } from './read-json-object.js';

/** What the engine needs to know of adapter_config.json. */
export interface AdapterConfig extends ModuleSelection {
  readonly baseModel: string | null;
  readonly rank: number;
  readonly alpha: number;
  readonly rslora: boolean;
}

const layersPattern = z.string().regex(/^\w+$/, 'blocks are called by a plain name, such as layers');

const configSchema = z.looseObject({
  base_model_name_or_path: z.string().nullish(),
  r: z.int('a rank is a whole number of at least 1').positive('a rank is at least 1: this one changes nothing'),
  lora_alpha: z.number(),
  use_rslora: z.boolean().nullish(),
  target_modules: z.union([z.string().min(1), z.array(z.string()).min(1)]),
  exclude_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  layers_to_transform: z.union([z.number().int().nonnegative(), z.array(z.number().int().nonnegative())]).nullish(),
  // PEFT takes each as part of a regular expression.
  layers_pattern: z.union([layersPattern.or(z.literal('')), z.array(layersPattern)]).nullish(),
  bias: z.string().nullish(),
  rank_pattern: z.record(z.string(), z.number()).nullish(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  init_lora_weights: z.unknown().optional(),
});

/** Variants of LoRA and additions to it under which the adapted model would compute something else. */
const mustBeOff = [
  'use_dora',
  'use_qalora',
  'use_bdlora',
  'lora_bias',
  'modules_to_save',
  'layer_replication',
  'target_parameters',
  'trainable_token_indices',
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
];

/** Initialisations that leave the base as it is; the others (pissa, olora, corda, loftq...) also change its weights. */
const harmlessInitialisations: readonly unknown[] = [undefined, null, true, false, 'gaussian', 'eva', 'orthogonal'];

/** Reads adapter_config.json, and refuses anything but plain LoRA with one rank and one alpha. */
export function parseAdapterConfig(configJson: JsonObject, path: string): AdapterConfig {
  const type = configJson['peft_type'];
  if (type !== 'LORA') throw unsupported(path, 'peft_type', type);
  const parsed = configSchema.safeParse(configJson);
  if (!parsed.success) throw nonsense(path, describeFirstProblem(parsed.error, configSchema));
  const fields = parsed.data;
  for (const key of mustBeOff) {
    if (!isOff(fields[key])) throw unsupported(path, key, fields[key]);
  }
  if ((fields.bias ?? 'none') !== 'none') throw unsupported(path, 'bias', fields.bias);
  if (!harmlessInitialisations.includes(fields.init_lora_weights)) {
    throw unsupported(path, 'init_lora_weights', fields.init_lora_weights);
  }
  for (const [key, uniform] of [
    ['rank_pattern', fields.r],
    ['alpha_pattern', fields.lora_alpha],
  ] as const) {
    const pattern = fields[key] ?? {};
    if (Object.values(pattern).some((value) => value !== uniform)) throw unsupported(path, key, pattern);
  }
  // PEFT takes an empty list as no restriction.
  const layers = listOf(fields.layers_to_transform);
  const blocks = listOf(fields.layers_pattern).filter((name) => name !== '');
  // These PEFT refuses when it loads the file (`LoraConfig.__post_init__`).
  for (const [key, isGiven] of [
    ['layers_to_transform', (fields.layers_to_transform ?? null) !== null],
    ['layers_pattern', (fields.layers_pattern ?? null) !== null],
  ] as const)
    if (isGiven && typeof fields.target_modules === 'string')
      throw nonsense(path, `${key} stands beside target_modules as one text, which PEFT refuses`);
  if (blocks.length > 0 && (fields.layers_to_transform ?? null) === null)
    throw nonsense(path, 'layers_pattern stands there without layers_to_transform, which PEFT refuses');
  return {
    baseModel: fields.base_model_name_or_path ?? null,
    rank: fields.r,
    alpha: fields.lora_alpha,
    rslora: fields.use_rslora ?? false,
    targetModules: fields.target_modules,
    excludeModules: fields.exclude_modules === '' ? [] : (fields.exclude_modules ?? []),
    layers: layers.length === 0 ? null : layers,
    layersPattern: blocks,
  };
}

function listOf<T>(written: T | readonly T[] | null | undefined): readonly T[] {
  return written === null || written === undefined ? [] : ([written].flat() as T[]);
}

/** adapter_config.json with every key of PEFT 0.21, set to the values of a plain LoRA adapter. */
export function createAdapterConfigJson(config: Omit<AdapterConfig, 'excludeModules' | 'layersPattern'>): JsonObject {
  return {
    alora_invocation_tokens: null,
    alpha_pattern: {},
    arrow_config: null,
    auto_mapping: null,
    base_model_name_or_path: config.baseModel,
    bias: 'none',
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    kasa_config: null,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: config.layers,
    loftq_config: {},
    lora_alpha: config.alpha,
    lora_bias: false,
    lora_dropout: 0,
    lora_ga_config: null,
    megatron_config: null,
    megatron_core: 'megatron.core',
    modules_to_save: null,
    monteclora_config: null,
    peft_type: 'LORA',
    peft_version: '0.21.0',
    qalora_group_size: 16,
    r: config.rank,
    rank_pattern: {},
    revision: null,
    target_modules: config.targetModules,
    target_parameters: null,
    task_type: 'CAUSAL_LM',
    trainable_token_indices: null,
    use_bdlora: null,
    use_dora: false,
    use_qalora: false,
    use_rslora: config.rslora,
    velora_config: null,
  };
}

function nonsense(path: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'adapter-invalid',
    message: `${path} makes no sense: ${problem}`,
    hint: 'Compare the file with the one at the source of the adapter.',
    details: { file: path },
  });
}

function isOff(value: unknown): boolean {
  return value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);
}

function unsupported(path: string, key: string, value: unknown): DriftlineError {
  return new DriftlineError({
    code: 'adapter-invalid',
    message: `${path}: the engine does not implement ${key} ${value === undefined ? '(missing)' : JSON.stringify(value)}`,
    hint: 'Use a plain LoRA or rsLoRA adapter with one rank and one alpha, or merge this one into its base with PEFT.',
    details: { file: path, key, value },
  });
}
