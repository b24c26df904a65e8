import { formatMemory } from '../../foundation/format-quantities.js';
import type { DriftlineError } from '../../foundation/driftline-error.js';
import { refuseAdapter } from './adapter-files.js';
import { countElements, type FloatTensor } from './float-tensor.js';
import type { SafetensorsFile } from './read-safetensors.js';

interface EffectOptions {
  /** What the product of the halves is multiplied by. */
  readonly scale: number;
  readonly signal?: AbortSignal;
}

/** Beyond the largest factor of a vocabulary of a million words at vLLM's largest rank. */
const mostElements = 2 ** 29;

/**
 * Throws `adapter-invalid` where an adapter changes nothing, as one does that was saved before it was trained, or where its numbers are not
 * finite. A model that answers like its base would pass any gate. Tensors of other kinds than the halves of LoRA count as a change.
 */
export async function requireEffect(
  folder: string,
  file: SafetensorsFile,
  { scale, signal }: EffectOptions,
): Promise<void> {
  if (scale === 0) throw changesNothing(folder, 'its lora_alpha is 0');
  let changes = false;
  const read = async (name: string): Promise<FloatTensor | null> => {
    const entry = file.header.entries.get(name);
    if (entry === undefined || !['F32', 'F16', 'BF16'].includes(entry.type)) return null;
    if (countElements(entry.shape) > mostElements)
      throw refuseAdapter(
        folder,
        `cannot be used: tensor ${name} has ${formatMemory(entry.byteLength)}, more than any matrix of an adapter`,
        'Download or copy the adapter again, and compare its size with the source.',
        { tensor: name },
      );
    const tensor = await file.readTensor(name, { signal });
    if (!tensor.data.every(Number.isFinite)) throw notFinite(folder, `tensor ${name} has`, name);
    return tensor;
  };
  for (const name of file.header.entries.keys()) {
    const [half, other] = readHalves(name);
    // Each pair is read once.
    if (half === 'B' && file.header.entries.has(other)) continue;
    const [tensor, counterpart] = [await read(name), half === 'A' ? await read(other) : null];
    if (tensor === null || counterpart === null) {
      changes = true;
      continue;
    }
    // No element of the product is larger.
    const most = Math.abs(scale) * (tensor.shape[0] ?? 0) * largest(tensor) * largest(counterpart);
    if (!Number.isFinite(Math.fround(most))) throw notFinite(folder, `the halves of ${name} multiply to`, name);
    changes ||= multiplyToSomething(tensor, counterpart);
  }
  if (!changes) throw changesNothing(folder, 'one half of each of its matrices is all zeros');
}

/** Which half of a matrix a tensor is, and the name of the other; null where it is none. */
function readHalves(name: string): readonly ['A' | 'B' | null, string] {
  const [, before, half, after] = /^(.*\.lora_(?:embedding_)?)([AB])((?:\.weight)?)$/.exec(name) ?? [];
  if (before === undefined) return [null, ''];
  return half === 'A' ? ['A', `${before}B${after ?? ''}`] : ['B', `${before}A${after ?? ''}`];
}

function largest({ data }: FloatTensor): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Whether some row of A and the column of B that it is multiplied by both have a number other than 0. */
function multiplyToSomething(a: FloatTensor, b: FloatTensor): boolean {
  const [rank = 0, width = 0] = a.shape;
  if (a.shape.length !== 2 || b.shape.length !== 2 || b.shape[1] !== rank) return true;
  const isUsed = Array.from({ length: rank }, (_, row) =>
    a.data.subarray(row * width, (row + 1) * width).some((value) => value !== 0),
  );
  return b.data.some((value, index) => value !== 0 && isUsed[index % rank]);
}

function changesNothing(folder: string, why: string): DriftlineError {
  return refuseAdapter(
    folder,
    `cannot be used: it changes nothing, as ${why}`,
    'Was it saved before it was trained? Name the checkpoint of a later step.',
  );
}

function notFinite(folder: string, what: string, tensor: string): DriftlineError {
  return refuseAdapter(
    folder,
    `cannot be used: ${what} numbers that are not finite`,
    'Its training went astray, or the file is damaged: train it again with a lower learning rate, or download it again.',
    { tensor },
  );
}
