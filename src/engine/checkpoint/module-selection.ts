import type { DecoderConfig } from './decoder-config.js';
import { projectionModule } from './decoder-tensors.js';
import { readModulePattern, type ModulePattern } from './module-pattern.js';
import { projections } from './projection.js';

/** Which modules of its base an adapter is for, as adapter_config.json says it. */
export interface ModuleSelection {
  /** As written in the file: names, possibly with part of their path; "all-linear"; or a regular expression over whole paths. */
  readonly targetModules: readonly string[] | string;
  /** Names or a regular expression; empty where nothing is left out. */
  readonly excludeModules: readonly string[] | string;
  /** Null means all blocks. */
  readonly layers: readonly number[] | null;
  /** What blocks are called where `layers` counts; empty where that does not matter. */
  readonly layersPattern: readonly string[];
}

/** The key that keeps a module from being adapted; null for one that is. */
export type ModuleSelector = (module: string) => SelectionKey | null;

type SelectionKey = 'target_modules' | 'exclude_modules' | 'layers_to_transform';

/** A pattern that cannot be read. */
export interface SelectionProblem {
  readonly key: SelectionKey;
  readonly problem: string;
}

/**
 * Selects as PEFT does. By `check_target_module_exists` in src/peft/tuners/tuners_utils.py of its version 0.21, for a module's path `key`:
 * - `exclude_modules` leaves out what it matches as `target_modules` would;
 * - a text is a regular expression for the whole path, `re.fullmatch(target_modules, key)`;
 * - of a list, `key in config.target_modules` selects, whatever `layers_to_transform` says;
 * - otherwise `key.endswith(f".{target_key}")` selects, if `layers_to_transform` is null or empty, or has the number that
 *   `re.match(r".*?\.[^.]*\.(?P<idx>\d+)\.", key)` finds, or `re.match(rf"(?:^|.*?\.){pattern}\.(?P<idx>\d+)\.", key)` with the first of
 *   `layers_pattern` that matches.
 * By `_maybe_include_all_linear_layers` there, "all-linear", in small letters or large ones, stands for all linear modules but the head.
 */
export function createModuleSelector({
  targetModules,
  excludeModules,
  layers,
  layersPattern,
}: ModuleSelection): ModuleSelector | SelectionProblem {
  const isExcluded = readNames(excludeModules);
  if (typeof isExcluded === 'string') return { key: 'exclude_modules', problem: isExcluded };
  const names = isAllLinear(targetModules) ? projections : targetModules;
  const isTarget = readNames(names);
  if (typeof isTarget === 'string') return { key: 'target_modules', problem: isTarget };
  const whole = new Set(typeof names === 'string' ? [] : names);
  const blocks = layers === null ? null : new Set(layers);
  return (module) => {
    if (isExcluded(module)) return 'exclude_modules';
    if (!isTarget(module)) return 'target_modules';
    if (typeof names === 'string' || whole.has(module) || blocks === null) return null;
    // Blocks of all families are called so.
    const [, block] = /^model\.layers\.(\d+)\./.exec(module) ?? [];
    const counts = layersPattern.length === 0 || layersPattern.includes('layers');
    return block !== undefined && counts && blocks.has(Number(block)) ? null : 'layers_to_transform';
  };
}

/** Whether it stands for all linear maps of the blocks. */
function isAllLinear(targetModules: ModuleSelection['targetModules']): boolean {
  return typeof targetModules === 'string' && targetModules.toLowerCase() === 'all-linear';
}

function readNames(names: readonly string[] | string): ModulePattern | string {
  if (typeof names === 'string') return readModulePattern(names);
  // A list may be long, a path is short.
  const known = new Set(names);
  return (module) => {
    const parts = module.split('.');
    return parts.some((_, start) => known.has(parts.slice(start).join('.')));
  };
}

/**
 * Every module of a decoder by its path in transformers, the model itself aside. PEFT refuses an adapter that selects one which is neither
 * linear nor an embedding.
 */
export function listDecoderModules(config: DecoderConfig): readonly string[] {
  const blocks = Array.from({ length: config.layers }, (_, layer) => {
    const block = `model.layers.${layer}`;
    return [
      block,
      ...['self_attn', 'mlp', 'mlp.act_fn', 'input_layernorm', 'post_attention_layernorm'].map(
        (name) => `${block}.${name}`,
      ),
      ...(config.queryKeyNorm ? [`${block}.self_attn.q_norm`, `${block}.self_attn.k_norm`] : []),
      ...projections.map((projection) => projectionModule(layer, projection)),
    ];
  });
  return ['model', 'model.embed_tokens', 'model.layers', ...blocks.flat(), 'model.norm', 'model.rotary_emb', 'lm_head'];
}
