import { join } from 'node:path';
import { loraTensorName, type Adapter } from '../checkpoint/adapter.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import type { Checkpoint } from '../checkpoint/read-checkpoint.js';
import { readSafetensors } from '../checkpoint/read-safetensors.js';
import { adapterWeightsFileName } from '../checkpoint/adapter-files.js';
import { weightsFileName } from '../checkpoint/weight-files.js';
import { writeAdapter } from '../checkpoint/write-adapter.js';
import { writeCheckpoint } from '../checkpoint/write-checkpoint.js';
import type { TrainedPart } from './gradient-graph.js';

/** The adapter that trained parameters, by PEFT's names, make up. */
export function adapterFromParameters(
  trained: Extract<TrainedPart, { method: 'lora' }>,
  parameters: ReadonlyMap<string, FloatTensor>,
): Adapter {
  const { rank, alpha, rslora, targets, layers } = trained;
  const pairs = layers.flatMap((layer) =>
    targets.flatMap((projection) => {
      const a = parameters.get(loraTensorName(layer, projection, 'A'));
      const b = parameters.get(loraTensorName(layer, projection, 'B'));
      return a === undefined || b === undefined ? [] : [{ layer, projection, a, b }];
    }),
  );
  return { settings: { rank, alpha, rslora, targets, layers }, pairs };
}

/** The parameters of an adapter, by PEFT's names; copies, since training changes them in place. */
export function parametersFromAdapter(adapter: Adapter): Map<string, FloatTensor> {
  return new Map(
    adapter.pairs.flatMap(({ layer, projection, a, b }) => [
      [loraTensorName(layer, projection, 'A'), copyTensor(a)] as const,
      [loraTensorName(layer, projection, 'B'), copyTensor(b)] as const,
    ]),
  );
}

export function copyTensor({ shape, data }: FloatTensor): FloatTensor {
  return { shape, data: Float32Array.from(data) };
}

export function copyTensors(
  names: Iterable<string>,
  tensors: ReadonlyMap<string, FloatTensor>,
): ReadonlyMap<string, FloatTensor> {
  const copies = new Map<string, FloatTensor>();
  for (const name of names) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) copies.set(name, copyTensor(tensor));
  }
  return copies;
}

/** Writes what training produced: an adapter folder for PEFT, or a whole model folder for transformers. */
export async function writeTrained(
  folder: string,
  base: Checkpoint,
  trained: TrainedPart,
  parameters: ReadonlyMap<string, FloatTensor>,
): Promise<void> {
  if (trained.method === 'lora') {
    const adapter = adapterFromParameters(trained, parameters);
    await writeAdapter(folder, adapter, { baseModel: base.source ?? base.folder, baseLayers: base.config.layers });
  } else {
    await writeCheckpoint(folder, {
      config: base.config,
      configJson: base.configJson,
      weights: parameters,
      ...(base.folder === '' ? {} : { copyTokenizerFrom: base.folder }),
    });
  }
}

/** Reads back what `writeTrained` wrote, bit for bit. */
export async function readTrained(folder: string, trained: TrainedPart): Promise<Map<string, FloatTensor>> {
  const lora = trained.method === 'lora';
  const path = join(folder, lora ? adapterWeightsFileName : weightsFileName);
  return new Map(await readSafetensors(path, lora ? 'adapter-invalid' : 'checkpoint-invalid'));
}
