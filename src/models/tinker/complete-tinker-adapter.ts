import { join } from 'node:path';
import { adapterConfigFileName, adapterWeightsFileName, refuseAdapter } from '../../engine/checkpoint/adapter-files.js';
import { createAdapterConfigJson } from '../../engine/checkpoint/adapter-config.js';
import { projections } from '../../engine/checkpoint/projection.js';
import { readJsonObject } from '../../engine/checkpoint/read-json-object.js';
import { openSafetensors } from '../../engine/checkpoint/read-safetensors.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { tinkerAlpha } from './review-tinker-recipe.js';

/**
 * Completes an adapter that was fetched: servers leave open which modules it is for, and PEFT would then guess two of
 * them and drop the rest without a word. The tensors' names say it. One that is scaled otherwise than was said before
 * the training is refused.
 */
export async function completeTinkerAdapter(
  folder: string,
  { rank, baseModel }: { readonly rank: number; readonly baseModel: string },
): Promise<void> {
  const configFile = join(folder, adapterConfigFileName);
  const written = await readJsonObject(configFile, 'adapter-invalid');
  const { r, lora_alpha: alpha, use_rslora: rslora } = written;
  if (r !== rank || alpha !== tinkerAlpha || rslora === true)
    throw refuseAdapter(
      folder,
      `has rank ${String(r)} and alpha ${String(alpha)}${rslora === true ? ' with rslora' : ''}, where the recipe was checked for rank ${String(rank)} and alpha ${String(tinkerAlpha)}`,
      'The service scales otherwise than it did: ask the model there (ask: service), and tell us.',
    );
  const modules = await listAdaptedModules(join(folder, adapterWeightsFileName));
  if (modules.length === 0)
    throw refuseAdapter(folder, 'has no tensors of LoRA', 'Ask the model at the service (ask: service), and tell us.');
  const config = createAdapterConfigJson({
    ...{ baseModel, rank, alpha: tinkerAlpha, rslora: false, layers: null },
    targetModules: modules,
  });
  await writeFileAtomically(configFile, `${JSON.stringify(config, null, 2)}\n`);
}

/**
 * The names of the modules that tensors such as `...layers.0.self_attn.q_proj.lora_A.weight` belong to: projections
 * first, in their order.
 */
async function listAdaptedModules(file: string): Promise<string[]> {
  const opened = await openSafetensors(file, 'adapter-invalid');
  try {
    const found = new Set(
      [...opened.header.entries.keys()].flatMap(
        (name) => /\.(\w+)\.lora_[AB]\.(?:weight|default\.weight)$/.exec(name)?.[1] ?? [],
      ),
    );
    return [
      ...projections.filter((known) => found.has(known)),
      ...[...found].filter((name) => !isProjection(name)).sort(),
    ];
  } finally {
    await opened.close();
  }
}

function isProjection(name: string): boolean {
  return projections.some((known) => known === name);
}
